// SPDX-License-Identifier: GPL-2.0-only
/*
 * The best of them that this CPU has. What kernel_fpu_begin() is for, nobody
 * needs here: the kernel is a process, whose registers the host keeps. Only
 * gcm(aes), the first of each two, which is what TLS uses.
 */
static int __init uml_aes_init(void)
{
	const bool vaes = boot_cpu_has(X86_FEATURE_VAES) &&
			  boot_cpu_has(X86_FEATURE_VPCLMULQDQ);

	if (vaes && boot_cpu_has(X86_FEATURE_AVX512BW) &&
	    boot_cpu_has(X86_FEATURE_AVX512VL) &&
	    boot_cpu_has(X86_FEATURE_BMI2))
		return crypto_register_aead(aes_gcm_algs_vaes_avx512);
	if (vaes && boot_cpu_has(X86_FEATURE_AVX2))
		return crypto_register_aead(aes_gcm_algs_vaes_avx2);
	if (boot_cpu_has(X86_FEATURE_AES) &&
	    boot_cpu_has(X86_FEATURE_PCLMULQDQ))
		return crypto_register_aead(aes_gcm_algs_aesni);
	return -ENODEV;
}

module_init(uml_aes_init);
MODULE_DESCRIPTION("AES-GCM of x86 in User Mode Linux");
MODULE_LICENSE("GPL");
