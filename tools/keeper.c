// SPDX-License-Identifier: MIT
#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

/* A server's: CertificateVerify of 1.3, parameters of 1.2 */
#define CONTENT_MAX	4096
#define SIG_MAX		2048

struct order {
	uint16_t version, scheme;
	uint32_t cred;
};

struct reply {
	int64_t len;		/* below 0: refused */
	uint8_t sig[SIG_MAX];
};

/* ---- the process ------------------------------------------------------- */

/*
 * Nothing is left but the keys and the socket: no file can be opened, no
 * memory dumped or read by a debugger.
 */
static void drop_all(int *fd)
{
	const struct rlimit none = { 0, 0 };

	/* the server says when it is over, by closing its end */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (dup2(*fd, 3) != 3 || close_range(4, ~0u, 0) ||
	    setrlimit(RLIMIT_NOFILE, &none) ||
	    setrlimit(RLIMIT_CORE, &none) ||
	    prctl(PR_SET_DUMPABLE, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	*fd = 3;
}

static void serve_order(struct ktls_signer *const *signers, size_t len,
			const uint8_t *p, size_t n, struct reply *reply)
{
	struct ktls_sign_request r = { .size = sizeof(r) };
	struct order o;

	reply->len = -EINVAL;
	if (n <= sizeof(o))
		return;
	memcpy(&o, p, sizeof(o));
	if (o.cred >= len)
		return;
	r.version = o.version;
	r.scheme = o.scheme;
	r.content = p + sizeof(o);
	r.content_len = n - sizeof(o);
	reply->len = ktls_signer_sign(signers[o.cred], &r, reply->sig,
				      sizeof(reply->sig));
}

static void keep(int fd, struct ktls_signer *const *signers, size_t len)
{
	uint8_t in[sizeof(struct order) + CONTENT_MAX];
	struct reply reply;
	ssize_t n;

	drop_all(&fd);
	while ((n = recv(fd, in, sizeof(in), 0)) > 0) {
		memset(&reply, 0, sizeof(reply));
		serve_order(signers, len, in, (size_t)n, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* In the new process: says over @fd whether it has all of them */
static void begin(int fd, const struct ktls_cred *creds, size_t len)
{
	struct ktls_signer *signers[CREDS_MAX];
	char why[256];
	int err = 0;

	for (size_t i = 0; i < len && !err; i++) {
		err = ktls_signer_new(&signers[i], &creds[i], why,
				      sizeof(why));
		if (err)
			complain("%s%s%s", ktls_strerror(err),
				 *why ? ": " : "", why);
	}
	if (send(fd, &err, sizeof(err), MSG_NOSIGNAL) < 0 || err)
		_exit(1);
	keep(fd, signers, len);
}

/* ---- the server's side ------------------------------------------------- */

int keeper_start(struct keeper *k, struct ktls_cred *creds, size_t len)
{
	int fd[2], err = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd)) {
		complain("socketpair: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (!pid) {
		close(fd[0]);
		begin(fd[1], creds, len);
	}
	close(fd[1]);
	k->fd = fd[0];
	pthread_mutex_init(&k->lock, NULL);
	if (pid < 0)
		complain("fork: %s", strerror(errno));
	else if (recv(k->fd, &err, sizeof(err), 0) != sizeof(err))
		err = -1;
	for (size_t i = 0; i < len && !err; i++) {
		creds[i].key_file = creds[i].key_pem = NULL;
		creds[i].key_elsewhere = 1;
	}
	return err ? -1 : 0;
}

static int ask(struct keeper *k, const struct msghdr *m, struct reply *reply)
{
	bool told;

	pthread_mutex_lock(&k->lock);
	told = sendmsg(k->fd, m, MSG_NOSIGNAL) >= 0 &&
	       recv(k->fd, reply, sizeof(*reply), 0) == sizeof(*reply);
	pthread_mutex_unlock(&k->lock);
	return told ? 0 : -1;
}

ssize_t keeper_sign(void *arg, struct ktls_hs *hs,
		    const struct ktls_sign_request *request, void *sig,
		    size_t size)
{
	struct keeper *k = arg;
	struct order o = { request->version, request->scheme,
			   (uint32_t)request->cred };
	struct iovec parts[2] = {
		{ &o, sizeof(o) },
		{ (void *)request->content, request->content_len },
	};
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	struct reply reply;

	(void)hs;
	if (request->content_len > CONTENT_MAX || ask(k, &m, &reply) ||
	    reply.len > (int64_t)size || reply.len > SIG_MAX)
		return -1;
	if (reply.len > 0)
		memcpy(sig, reply.sig, (size_t)reply.len);
	return (ssize_t)reply.len;
}
