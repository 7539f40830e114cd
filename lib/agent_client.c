// SPDX-License-Identifier: MIT
/* Who asks 'ktls agent' for a handshake */
#include "include/ktls_agent.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "opts.h"
#include "secret.h"
#include "wire.h"

#define SHA256_LEN	32
/* The agent keeps time, and knows better than we why it is over: leave it some */
#define GRACE_MS	5000

/* ---- the request ------------------------------------------------------- */

static void put(struct wr *w, enum ktls_agent_field field, struct slice s)
{
	wr_u32(w, field);
	wr_opaque(w, 4, s);
}

static void put_text(struct wr *w, enum ktls_agent_field field,
		     const char *text)
{
	if (text)
		put(w, field, slice_str(text));
}

/* 0 is the agent's own, and not said */
static void put_number(struct wr *w, enum ktls_agent_field field, uint32_t n,
		       unsigned int bytes)
{
	if (!n)
		return;
	wr_u32(w, field);
	wr_u32(w, bytes);
	wr_uint(w, n, bytes);
}

static void put_request(struct wr *w, enum ktls_role role,
			const struct ktls_agent_opts *o)
{
	wr_u32(w, KTLS_AGENT_MAGIC);
	wr_u16(w, KTLS_AGENT_VERSION);
	wr_u16(w, KTLS_AGENT_ASK);
	put_number(w, KTLS_AGENT_ROLE, role, 1);
	put_text(w, KTLS_AGENT_CREDENTIAL, o->credential);
	put_text(w, KTLS_AGENT_SERVER_NAME, o->server_name);
	put_text(w, KTLS_AGENT_ALPN, o->alpn);
	put_number(w, KTLS_AGENT_TIMEOUT, (uint32_t)o->timeout_ms, 4);
	put_number(w, KTLS_AGENT_VERIFY, o->verify, 1);
	put_number(w, KTLS_AGENT_MIN_VERSION, o->min_version, 2);
	put_number(w, KTLS_AGENT_MAX_VERSION, o->max_version, 2);
	put_number(w, KTLS_AGENT_TX, o->tx, 1);
	put_number(w, KTLS_AGENT_RX, o->rx, 1);
}

/* ---- the Unix socket --------------------------------------------------- */

/* Where too many are before us, to connect takes time, too; @ms as in await() */
static int limit_wait(int fd, int ms)
{
	const struct timeval most = {
		.tv_sec = (ms + (long long)GRACE_MS) / 1000,
		.tv_usec = (ms + (long long)GRACE_MS) % 1000 * 1000,
	};

	return ms && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most,
				sizeof(most)) ? -errno : 0;
}

static int reach(const char *path, int ms)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, err;

	if (!len || len >= sizeof(at.sun_path))
		return -EINVAL;
	memcpy(at.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = limit_wait(fd, ms);
	while (!err && connect(fd, (const struct sockaddr *)&at, sizeof(at)))
		err = errno == EAGAIN ? -ETIMEDOUT :
		      errno == EINTR ? 0 : -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int send_request(int agent, int fd, const struct wr *w)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} rights = { .head = {
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct iovec iov = { w->buf, w->len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights.space),
	};
	ssize_t n;

	memcpy(CMSG_DATA(&rights.head), &fd, sizeof(fd));
	do
		n = sendmsg(agent, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* one that has turned us away may have said so before */
	return n < 0 && errno != EPIPE ? -errno : 0;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* Until there is an answer, or it has gone; @ms 0: as long as it takes */
static int await(int agent, int ms)
{
	struct pollfd p = { .fd = agent, .events = POLLIN };
	long long end = now_ms() + ms + GRACE_MS;
	int n;

	do {
		long long left = ms ? end - now_ms() : -1;

		if (ms && left < 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, left > 3600000 ? 3600000 : (int)left);
	} while (!n || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int recv_answer(int agent, int ms, uint8_t *buf, size_t *len)
{
	int err = await(agent, ms), resets = 0;
	ssize_t n;

	if (err)
		return err;
	/* that it did not read the request comes before what it said at once */
	do
		n = recv(agent, buf, *len, MSG_TRUNC);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !resets++)));
	if (n < 0 && errno != ECONNRESET)
		return -errno;
	if (n <= 0)
		return -KTLS_E_AGENT_GONE;
	if ((size_t)n > *len)
		return -KTLS_E_AGENT_ANSWER;
	*len = (size_t)n;
	return 0;
}

/* ---- the answer -------------------------------------------------------- */

struct answer {
	struct slice error, text, state, sha256;
};

static void take_field(struct rd *r, struct answer *a)
{
	uint32_t field = rd_u32(r);
	struct slice value = rd_opaque(r, 4);

	switch (field) {
	case KTLS_AGENT_ERROR:
		a->error = value;
		break;
	case KTLS_AGENT_ERROR_TEXT:
		a->text = value;
		break;
	case KTLS_AGENT_STATE:
		a->state = value;
		break;
	case KTLS_AGENT_PEER_SHA256:
		a->sha256 = value;
		break;
	default:
		break;	/* a newer agent's, or what the state has, too */
	}
}

static int parse(struct answer *a, const uint8_t *buf, size_t len)
{
	bool bad = false;
	struct rd r = rd_init(buf, len, &bad), error;
	uint32_t err;

	if (rd_u32(&r) != KTLS_AGENT_MAGIC ||
	    rd_u16(&r) != KTLS_AGENT_VERSION || rd_u16(&r) != KTLS_AGENT_TELL)
		return -KTLS_E_AGENT_ANSWER;
	while (rd_more(&r))
		take_field(&r, a);
	error = rd_init(a->error.p, a->error.len, &bad);
	err = rd_u32(&error);
	rd_end(&error);
	if (bad || err > 4095 ||
	    (a->sha256.len && a->sha256.len != SHA256_LEN))
		return -KTLS_E_AGENT_ANSWER;
	return -(int)err;
}

/* What the agent says is text, whoever wrote it there */
static void say(const struct ktls_agent_opts *o, struct slice text)
{
	size_t n = text.len < o->error_size ? text.len : o->error_size - 1;

	if (!o->error || !o->error_size)
		return;
	for (size_t i = 0; i < n; i++)
		o->error[i] = text.p[i] < ' ' || text.p[i] == 0x7f ? '?' :
			      (char)text.p[i];
	o->error[n] = '\0';
}

/* ------------------------------------------------------------------------ */

static int load(struct ktls_conn **conn, int fd, enum ktls_role role,
		struct ktls_config *config, struct slice state)
{
	int err = 0;

	if (config)
		config = ktls_config_get(config);
	else
		err = ktls_config_new(&config, KTLS_OPTS(.role = role,
				.flags = KTLS_F_ESTABLISHED));
	if (err)
		return err;
	err = ktls_conn_load(conn, config, fd, state.p, state.len, 0);
	ktls_config_put(config);
	return err;
}

static int take_answer(struct ktls_conn **conn, int fd, enum ktls_role role,
		       struct ktls_config *config,
		       const struct ktls_agent_opts *o, const uint8_t *buf,
		       size_t len)
{
	struct answer a = { 0 };
	int err = parse(&a, buf, len);

	if (err) {
		say(o, a.text);
		return err;
	}
	if (o->peer_sha256 && a.sha256.len)
		memcpy(o->peer_sha256, a.sha256.p, SHA256_LEN);
	return load(conn, fd, role, config, a.state);
}

/* Over the connection to the agent; the answer has secrets */
static int talk(struct ktls_conn **conn, int agent, int fd,
		enum ktls_role role, struct ktls_config *config,
		const struct ktls_agent_opts *o)
{
	size_t len = KTLS_AGENT_TELL_MAX;
	struct wr w = { 0 };
	uint8_t *buf = malloc(len);
	int err = -ENOMEM;

	put_request(&w, role, o);
	if (buf && wr_ok(&w))
		err = w.len > KTLS_AGENT_ASK_MAX ? -EINVAL :
		      send_request(agent, fd, &w);
	wr_free(&w);
	if (!err)
		err = recv_answer(agent, o->timeout_ms, buf, &len);
	if (!err)
		err = take_answer(conn, fd, role, config, o, buf, len);
	if (buf)
		wipe_free(buf, KTLS_AGENT_TELL_MAX);
	return err;
}

static int ask(struct ktls_conn **conn, int fd, enum ktls_role role,
	       struct ktls_config *config, const struct ktls_agent_opts *opts)
{
	struct ktls_agent_opts o = { 0 };
	int agent, err = opts_take(&o, sizeof(o), opts,
				   offsetof(struct ktls_agent_opts, error_size));

	*conn = NULL;
	if (err)
		return err;
	if (o.error && o.error_size)
		*o.error = '\0';
	if (o.peer_sha256)
		memset(o.peer_sha256, 0, SHA256_LEN);
	if (!o.credential || o.timeout_ms < 0)
		return -EINVAL;
	agent = reach(o.path ? o.path : KTLS_AGENT_PATH, o.timeout_ms);
	err = agent;
	if (agent >= 0) {
		err = talk(conn, agent, fd, role, config, &o);
		close(agent);
	}
	if (err && o.error && o.error_size && !*o.error)
		say(&o, slice_str(ktls_strerror(err)));
	return err;
}

int ktls_agent_connect(struct ktls_conn **conn, int fd,
		       struct ktls_config *config,
		       const struct ktls_agent_opts *opts)
{
	return ask(conn, fd, KTLS_CLIENT, config, opts);
}

int ktls_agent_accept(struct ktls_conn **conn, int fd,
		      struct ktls_config *config,
		      const struct ktls_agent_opts *opts)
{
	return ask(conn, fd, KTLS_SERVER, config, opts);
}
