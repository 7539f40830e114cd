/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of day as the program under test, and libcrypto, see it */
#ifndef SELFTESTS_CLOCK_LIB_H
#define SELFTESTS_CLOCK_LIB_H

/* From now on, time(2) and CLOCK_REALTIME are so many seconds ahead of the machine's (or behind) */
void clock_ahead(long seconds);
/* ... they stand still: @ns (< 1000000000) after the next second's beginning */
void clock_stop(long ns);

#endif /* SELFTESTS_CLOCK_LIB_H */
