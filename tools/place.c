// SPDX-License-Identifier: MIT
#include "place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent_file.h"
#include "log.h"
#include "net.h"

static const char *after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}

static int open_path(struct place *p, const char *path)
{
	if (*path != '/' || strlen(path) >= sizeof(p->un.sun_path)) {
		complain("--store unix:%s: not a path of at most %zu bytes",
			 path, sizeof(p->un.sun_path) - 1);
		return -1;
	}
	p->un.sun_family = AF_UNIX;
	memcpy(p->un.sun_path, path, strlen(path) + 1);
	p->path = (struct addrinfo){
		.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)(void *)&p->un,
		.ai_addrlen = sizeof(p->un),
	};
	p->redis.addresses = &p->path;
	return 0;
}

/* Once: a name server that does not answer would be another one to wait for */
static int open_url(struct place *p, const char *url)
{
	const char *path = after(url, "unix:"), *at = after(url, "redis://");
	struct net_host host;

	if (path)
		return open_path(p, path);
	if (!at || strpbrk(at, "@/?#") || !net_parse(&host, at, "6379") ||
	    !*host.host) {
		complain("--store %s: neither redis://HOST[:PORT] nor "
			 "unix:/PATH", url);
		return -1;
	}
	p->resolved = net_resolve(&host, 0);
	p->redis.addresses = p->resolved;
	return p->resolved ? 0 : -1;
}

/* A password, or a user's name and his password in two lines */
static int open_auth(struct place *p, const char *file)
{
	char *line, *next;
	int err = file_text(file, true, &p->auth);

	if (err) {
		complain("--store-auth %s: %s", file, file_text_error(err));
		return -1;
	}
	line = p->auth;
	next = strchr(line, '\n');
	if (next)
		*next++ = '\0';
	if (next && *next) {
		p->redis.user = line;
		line = next;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
	}
	p->redis.password = line;
	if (*line && (!next || !*next))
		return 0;
	complain("--store-auth %s: neither a password nor a name and a "
		 "password, in a line each", file);
	return -1;
}

int place_open(struct place *p, const struct fleet_options *o)
{
	if (open_url(p, o->url))
		return -1;
	return o->auth ? open_auth(p, o->auth) : 0;
}

void place_close(struct place *p)
{
	if (p->resolved)
		freeaddrinfo(p->resolved);
	if (p->redis.password)
		explicit_bzero((char *)(uintptr_t)p->redis.password,
			       strlen(p->redis.password));
	free(p->auth);
	*p = (struct place){ 0 };
}
