/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REFUSALS_H
#define BENCH_REFUSALS_H

/* What io_uring would have for sending and a kTLS socket does not take */
int print_refusals(void);

#endif
