// SPDX-License-Identifier: GPL-2.0-only
/* What is between the two ends, and sees what goes over it */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults_run_lib.h"
#include "harness.h"
#include "mode_lib.h"

#define MARK_LEN	(sizeof(FAULT_MARK) - 1)

void wire_open(struct wire *w, int fd[2])
{
	int client[2], server[2];

	tcp_pair(client);
	tcp_pair(server);
	*w = (struct wire){ .fd = { client[1], server[0] } };
	fd[0] = client[0];
	fd[1] = server[1];
	for (int i = 0; i < 2; i++) {
		set_socket(fd[i]);
		set_nonblock(fd[i]);
	}
}

/* Behind what was kept of before, at the front of @buf */
static void look(struct wire *w, int from, const char *buf, size_t len)
{
	size_t keep = len < MARK_LEN - 1 ? len : MARK_LEN - 1;

	w->marks += !!memmem(buf, len, FAULT_MARK, MARK_LEN);
	memcpy(w->tail[from], buf + len - keep, keep);
	w->kept[from] = keep;
}

/* Has anything come from there? */
static bool hand_on(struct wire *w, int from)
{
	static char buf[MARK_LEN + 65536];
	size_t kept = w->kept[from];
	ssize_t n;

	if (w->ended[from])
		return false;
	memcpy(buf, w->tail[from], kept);
	n = __real_recv(w->fd[from], buf + kept, sizeof(buf) - kept,
			MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0) {
		look(w, from, buf, kept + (size_t)n);
		if (__real_send(w->fd[!from], buf + kept, (size_t)n,
				MSG_NOSIGNAL) == n)
			return true;
		/* there is nobody, and that is told */
		__real_shutdown(w->fd[from], SHUT_RDWR);
	}
	w->ended[from] = true;
	__real_shutdown(w->fd[!from], SHUT_WR);
	return true;
}

bool wire_pump(struct wire *w)
{
	bool any = false, more;

	do {
		more = hand_on(w, 0);
		more |= hand_on(w, 1);
		any |= more;
	} while (more);
	return any;
}

void wire_close(struct wire *w)
{
	wire_pump(w);
	close(w->fd[0]);
	close(w->fd[1]);
}
