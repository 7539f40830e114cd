// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done while something fails: calls that wait for somebody else.  He
 * has his turn when they do (fault_on_poll()).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/include/ktls_agent.h"
#include "../lib/wire.h"
#include "faults_run_lib.h"
#include "harness.h"

/* Milliseconds that nothing here takes */
#define LONG	60000

/* With the connection that it is now; nothing of this fails */
static bool rest(struct run *r)
{
	bool ok;

	fault_pause(1);
	ok = talk(r) && end_it(r);
	fault_pause(-1);
	return ok;
}

/* ---- to another process ------------------------------------------------- */

static bool over(struct run *r, const int pair[2])
{
	struct ktls_conn *now;
	int fd;

	if (!good(r, UNTIL(r, SERVER_END,
			   ktls_conn_pass(r->conn[SERVER_END], pair[0])),
		  "pass") ||
	    !good(r, UNTIL(r, SERVER_END,
			   ktls_conn_receive(&now, r->cfg[SERVER_END], pair[1],
					     &fd)), "receive"))
		return false;
	ktls_conn_free(r->conn[SERVER_END]);
	close(r->fd[SERVER_END]);
	r->conn[SERVER_END] = now;
	r->fd[SERVER_END] = fd;
	return true;
}

bool pass(struct run *r)
{
	int pair[2];
	bool ok;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
			     SOCK_CLOEXEC, 0, pair));
	ok = over(r, pair);
	close(pair[0]);
	close(pair[1]);
	return ok && rest(r);
}

/* ---- an agent ----------------------------------------------------------- */

struct agent {
	struct run *r;
	struct sockaddr_un at;
	int listener, fd;
};

static void agent_open(struct agent *a, struct run *r)
{
	*a = (struct agent){ .r = r, .at = { .sun_family = AF_UNIX },
			     .fd = -1 };
	snprintf(a->at.sun_path, sizeof(a->at.sun_path),
		 "/tmp/ktls-faults-%d", (int)getpid());
	unlink(a->at.sun_path);
	a->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
			     SOCK_NONBLOCK, 0);
	ASSERT_OK(a->listener);
	ASSERT_OK(bind(a->listener, (struct sockaddr *)&a->at,
		       sizeof(a->at)));
	ASSERT_OK(listen(a->listener, 4));
}

static void agent_close(struct agent *a)
{
	unlink(a->at.sun_path);
	close(a->listener);
	if (a->fd >= 0)
		close(a->fd);
}

/* It has the connection already: the server's, which it gives away */
static void answer(struct agent *a)
{
	static uint8_t state[65536];
	ssize_t n = ktls_conn_save(a->r->conn[SERVER_END], state,
				   sizeof(state), 0);
	struct wr w = { 0 };

	ASSERT_GT(n, 0);
	wr_u32(&w, KTLS_AGENT_MAGIC);
	wr_u16(&w, KTLS_AGENT_VERSION);
	wr_u16(&w, KTLS_AGENT_TELL);
	wr_u32(&w, KTLS_AGENT_ERROR);
	wr_u32(&w, 4);
	wr_u32(&w, 0);
	wr_u32(&w, KTLS_AGENT_STATE);
	wr_opaque(&w, 4, (struct slice){ state, (size_t)n });
	ASSERT_TRUE(wr_ok(&w));
	EXPECT_EQ(send(a->fd, w.buf, w.len, MSG_NOSIGNAL), w.len);
	wr_free(&w);
	explicit_bzero(state, sizeof(state));
}

/* It asks, or it has gone */
static void serve_agent(void *arg)
{
	struct agent *a = arg;
	char in[KTLS_AGENT_ASK_MAX];

	if (a->fd < 0)
		a->fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);
	if (a->fd < 0)
		return;
	if (recv(a->fd, in, sizeof(in), MSG_DONTWAIT) > 0)
		answer(a);
	close(a->fd);
	a->fd = -1;
}

bool ask_agent(struct run *r)
{
	struct ktls_conn *now = NULL;
	struct agent a;
	char why[128] = "";
	int err;

	fault_pause(1);
	agent_open(&a, r);
	fault_on_poll(serve_agent, &a);
	fault_pause(-1);
	err = ktls_agent_accept(&now, r->fd[SERVER_END], r->cfg[SERVER_END],
			KTLS_AGENT_OPTS(.path = a.at.sun_path,
					.credential = "x", .timeout_ms = LONG,
					.error = why,
					.error_size = sizeof(why)));
	fault_on_poll(NULL, NULL);
	agent_close(&a);
	EXPECT_EQ(!now, !!err);
	EXPECT_EQ(!*why, !err);
	if (!good(r, err, "agent_accept"))
		return false;
	ktls_conn_free(r->conn[SERVER_END]);
	r->conn[SERVER_END] = now;
	return rest(r);
}

/* ---- a handshake in one call -------------------------------------------- */

struct peer_end {
	struct run *r;
	int end;
};

/* The other end, as far as it comes; what becomes of it is seen later */
static void run_peer(void *arg)
{
	const struct peer_end *p = arg;
	int n;

	wire_pump(&p->r->wire);
	n = ktls_hs_run(p->r->hs[p->end], p->r->fd[p->end]);
	(void)n;
	wire_pump(&p->r->wire);
}

static int hs_step(struct run *r, int end)
{
	int wants = ktls_hs_run(r->hs[end], r->fd[end]);

	return wants > 0 ? -EAGAIN : wants;
}

static bool finish_peer(struct run *r, int peer)
{
	int n = (int)UNTIL(r, peer, hs_step(r, peer));

	if (!good(r, n, "peer"))
		return false;
	n = ktls_offload(&r->conn[peer], r->hs[peer], r->fd[peer]);
	if (!n)
		r->hs[peer] = NULL;
	return good(r, n, "ktls_offload");
}

static bool in_one_call(struct run *r, int end)
{
	struct peer_end peer = { r, !end };
	const char *const name[2] = { "localhost", NULL };
	char why[128] = "";
	bool ok;
	int err;

	fault_pause(1);
	ASSERT_OK(ktls_hs_new(&r->hs[!end], r->cfg[!end], name[!end]));
	fault_on_poll(run_peer, &peer);
	/* a client speaks first */
	run_peer(&peer);
	fault_pause(-1);
	err = end == CLIENT_END ?
	      ktls_connect(&r->conn[end], r->fd[end], r->cfg[end], name[end],
			   LONG, why, sizeof(why)) :
	      ktls_accept(&r->conn[end], r->fd[end], r->cfg[end], LONG, why,
			  sizeof(why));
	fault_on_poll(NULL, NULL);
	EXPECT_EQ(!r->conn[end], !!err);
	EXPECT_EQ(!*why, !err);
	fault_pause(1);
	ok = good(r, err, "in one call") && finish_peer(r, !end);
	for (int i = 0; i < 2 && ok; i++)
		count_carried(r, r->conn[i]);
	fault_pause(-1);
	return ok && rest(r);
}

bool connect_it(struct run *r)
{
	return in_one_call(r, CLIENT_END);
}

bool accept_it(struct run *r)
{
	return in_one_call(r, SERVER_END);
}
