// SPDX-License-Identifier: GPL-2.0-only
/* Whose keyrings 'ktls agent --kernel' takes keys from */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <keyutils.h>

#include "harness.h"
#include "../tools/keyring.h"

/* One that no test before has left to be collected */
static const char *fresh_name(const char *before, const char *behind)
{
	static char name[4][64];
	static int n;

	snprintf(name[++n % 4], sizeof(*name), "%sktls-%d%s", before,
		 getpid(), behind);
	return name[n % 4];
}

static int32_t add(const char *type, const char *name, int32_t ring)
{
	int32_t serial = add_key(type, name, *type == 'u' ? "x" : NULL,
				 *type == 'u', ring);

	ASSERT_GT(serial, 0);
	ASSERT_OK(keyctl_setperm(serial, KEY_POS_ALL | KEY_USR_ALL |
				 KEY_GRP_ALL | KEY_OTH_ALL));
	return serial;
}

TEST(by_name)
{
	const char *wanted = fresh_name("", "");
	int32_t other;

	ASSERT_OK(keyring_start());
	other = add("keyring", "other", KEY_SPEC_SESSION_KEYRING);
	EXPECT_EQ(keyring_link(wanted), -ENOKEY);
	/* a name that contains it is another */
	add("keyring", fresh_name("", "s"), other);
	add("keyring", fresh_name("a ", ""), other);
	EXPECT_EQ(keyring_link(wanted), -ENOKEY);
	add("keyring", wanted, other);
	EXPECT_OK(keyring_link(wanted));
}

/* Anybody may show root a key, and call it what he likes */
TEST(by_a_name_that_is_a_line)
{
	const char *wanted = fresh_name("", "");
	int32_t other;
	char name[256];

	ASSERT_OK(keyring_start());
	other = add("keyring", "other", KEY_SPEC_SESSION_KEYRING);
	snprintf(name, sizeof(name), "x\n%08x I--Q---     1 perm 3f3f3f3f "
		 "%5u %5u keyring   %s: 1\n", (unsigned int)other,
		 geteuid(), getegid(), wanted);
	add("user", name, other);
	EXPECT_EQ(keyring_link(wanted), -ENOKEY);
	/* nor does it hide who has the name */
	add("keyring", wanted, other);
	EXPECT_OK(keyring_link(wanted));
}

HARNESS_MAIN
