// SPDX-License-Identifier: MIT
/*
 * Who asks for what is below --post-auth, and has shown no certificate yet, is
 * asked for one (RFC 9846 4.7.2) between its request and the answer.
 */
#include <string.h>

#include "client_state.h"
#include "path.h"
#include "variant.h"

/*
 * By whole segments, or a form of that very file; @prefix has gone through
 * path_parse(), too
 */
static bool below(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	if (!strcmp(prefix, "."))
		return true;
	return !strncmp(name, prefix, len) &&
	       (!name[len] || name[len] == '/' || variant_is_suffix(name + len));
}

/* A directory stands for its index.html, which may be all of @prefix */
static bool is_index(const char *prefix, const char *name)
{
	size_t len = strcmp(name, ".") ? strlen(name) : 0;

	if (strncmp(prefix, name, len))
		return false;
	return !strcmp(prefix + len, len ? "/index.html" : "index.html");
}

bool auth_needed(const struct client *c)
{
	const struct path *prefix = c->stream.server->service->post_auth;
	const struct http_request *req = &c->x->req;
	struct path path;

	return prefix && !req->status &&
	       !path_parse(&path, http_request_target(req)) &&
	       (below(prefix->name, path.name) ||
		is_index(prefix->name, path.name));
}

bool auth_done(const struct client *c)
{
	struct ktls_info info;

	ktls_conn_info(c->stream.conn, &info);
	return info.peer_verified;
}
