// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each file of the directories named, or each file named, once: what libFuzzer
 * does, for other compilers, coverage, or a debugger.
 */
#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "fuzz_lib.h"

/* Here nobody else wants to know it */
__attribute__((visibility("default")))
int clock_gettime(clockid_t id, struct timespec *ts)
{
	return fuzz_clock_gettime(id, ts);
}

static void replay(const char *path)
{
	struct wr w = read_file(path);

	LLVMFuzzerTestOneInput(w.buf, w.len);
	wr_free(&w);
}

int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;
		char path[4096];

		if (!d) {
			replay(argv[i]);
			continue;
		}
		while ((e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i],
				 e->d_name);
			replay(path);
		}
		closedir(d);
	}
	return 0;
}
