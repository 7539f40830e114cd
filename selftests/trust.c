// SPDX-License-Identifier: GPL-2.0-only
/* Where a config has the authorities from that it trusts (opts.ca_*) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "harness.h"
#include "peer.h"
#include "session_lib.h"

FIXTURE(trust) {
	char dir[32];
	struct ktls_config *client, *server;
	char why[256];
};

FIXTURE_SETUP(trust)
{
	strcpy(self->dir, "/tmp/ktls-trust.XXXXXX");
	ASSERT_TRUE(mkdtemp(self->dir));
	self->server = SERVER12();
}

/* "DIR/name"; the next call's replaces it */
static const char *in_dir(const FIXTURE_DATA(trust) *self, const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", self->dir, name);
	return path;
}

FIXTURE_TEARDOWN(trust)
{
	static const char *const names[] = {
		"0123abcd.0", "ffffffff.12", "0123abcd.r0", "0123abcde.0",
		"0123abcd.x", "0123abcd.", "ca.pem",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(in_dir(self, names[i]));
	rmdir(self->dir);
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

static void put_link(const FIXTURE_DATA(trust) *self, const char *name,
		     const char *cert)
{
	ASSERT_OK(symlink(pki(cert), in_dir(self, name)));
}

static void put_text(const FIXTURE_DATA(trust) *self, const char *name,
		     const char *text)
{
	FILE *f = fopen(in_dir(self, name), "w");

	ASSERT_TRUE(f);
	ASSERT_GE(fputs(text, f), 0);
	ASSERT_OK(fclose(f));
}

/* A client that trusts what is there: its status, or that of its handshake */
static int try(FIXTURE_DATA(trust) *self, const char *file, const char *dir)
{
	struct ktls_opts o = {
		.size = sizeof(o), .role = KTLS_CLIENT, .ca_file = file,
		.ca_dir = dir, .error = self->why,
		.error_size = sizeof(self->why),
	};
	int err;

	ktls_config_put(self->client);
	self->client = NULL;
	err = ktls_config_new(&self->client, &o);
	return err ? err : shake(self->client, self->server, NULL);
}

TEST_F(trust, directory)
{
	put_link(self, "0123abcd.0", "stranger-ca");
	EXPECT_EQ(try(self, NULL, self->dir), -KTLS_E_CERT_ISSUER);
	/* as with file and text, all of them count */
	EXPECT_EQ(try(self, pki("ca"), self->dir), FULL);
	put_link(self, "ffffffff.12", "ca");
	EXPECT_EQ(try(self, NULL, self->dir), FULL);
}

/* A config does not look again */
TEST_F(trust, directory_is_read_at_once)
{
	put_link(self, "0123abcd.0", "ca");
	EXPECT_EQ(try(self, NULL, self->dir), FULL);
	unlink(in_dir(self, "0123abcd.0"));
	EXPECT_EQ(shake(self->client, self->server, NULL), RESUMED);
	ktls_config_put(self->server);
	self->server = SERVER12();
	EXPECT_EQ(shake(self->client, self->server, NULL), FULL);
}

TEST_F(trust, names_that_are_no_hashes)
{
	put_link(self, "ca.pem", "ca");
	put_link(self, "0123abcde.0", "ca");
	put_link(self, "0123abcd.x", "ca");
	put_link(self, "0123abcd.", "ca");
	EXPECT_EQ(try(self, NULL, self->dir), -KTLS_E_CA_FILE);
	EXPECT_TRUE(strstr(self->why, "openssl-rehash(1)"));
}

TEST_F(trust, bad_directory)
{
	EXPECT_EQ(try(self, NULL, "/nowhere"), -KTLS_E_CA_FILE);
	EXPECT_STREQ(self->why, "/nowhere: No such file or directory");
	put_link(self, "0123abcd.0", "ca");
	put_text(self, "ffffffff.12", "none");
	EXPECT_EQ(try(self, NULL, self->dir), -KTLS_E_CA_FILE);
	EXPECT_TRUE(strstr(self->why, "ffffffff.12: no certificate found"));
}

/* ---- the system's ------------------------------------------------------ */

static int try_system(FIXTURE_DATA(trust) *self, const char *file,
		      const char *dir)
{
	setenv(X509_get_default_cert_file_env(), file, 1);
	setenv(X509_get_default_cert_dir_env(), dir, 1);
	return try(self, NULL, NULL);
}

TEST_F(trust, system)
{
	const char *ca = pki("ca");
	char dirs[64];

	put_link(self, "0123abcd.0", "stranger-ca");
	EXPECT_EQ(try_system(self, ca, ""), FULL);
	EXPECT_EQ(try_system(self, ca, self->dir), FULL);
	EXPECT_EQ(try_system(self, "/nowhere", self->dir),
		  -KTLS_E_CERT_ISSUER);
	put_link(self, "ffffffff.12", "ca");
	EXPECT_EQ(try_system(self, "/nowhere", self->dir), FULL);
	EXPECT_EQ(try_system(self, pki("stranger-ca"), self->dir), FULL);
	EXPECT_EQ(try_system(self, "/nowhere", "/nowhere"), -KTLS_E_CA_FILE);
	/* beside a file there may be none, and there may be several */
	EXPECT_EQ(try_system(self, ca, "/nowhere"), FULL);
	EXPECT_STREQ(self->why, "");
	snprintf(dirs, sizeof(dirs), "/nowhere:%s", self->dir);
	EXPECT_EQ(try_system(self, "/nowhere", dirs), FULL);
	snprintf(dirs, sizeof(dirs), "%s:/nowhere", self->dir);
	EXPECT_EQ(try_system(self, "/nowhere", dirs), FULL);
}

/* It is not this operator's to repair */
TEST_F(trust, bad_file_in_a_system)
{
	put_text(self, "0123abcd.0", "none");
	put_link(self, "ffffffff.12", "ca");
	EXPECT_EQ(try_system(self, "/nowhere", self->dir), FULL);
}

HARNESS_MAIN
