// SPDX-License-Identifier: MIT
#include "hs.h"

#include <errno.h>
#include <stdlib.h>

void hs_wait_free(struct hs_wait *wait)
{
	wr_free(&wait->msg);
	wr_free(&wait->bytes);
	free(wait->lists);
	*wait = (struct hs_wait){ 0 };
}

int hs_suspend(struct ktls_hs *hs, unsigned int want, hs_step *then)
{
	struct hs_wait *wait = &hs->wait;

	wr_slice(&wait->msg, hs->msg.whole);
	wait->last = hs->msg.last;
	wait->then = then;
	wait->want = want;
	return wr_ok(&wait->msg) ? 0 : -ENOMEM;
}

int hs_then(struct ktls_hs *hs, int err, unsigned int want, hs_step *then)
{
	if (err == KTLS_LATER)
		return hs_suspend(hs, want, then);
	return err ? err : then(hs);
}

int hs_settle(struct ktls_hs *hs, uint64_t next)
{
	if (hs->wait.want) {
		hs->wait.next = next;
		return 0;
	}
	return next & ST(hs->state) ? 0 : -KTLS_E_STATE;
}

int hs_awaited(const struct ktls_hs *hs, unsigned int want)
{
	if (hs->state == HS_FAILED)
		return hs->error;
	return hs->wait.want == want ? 0 : -KTLS_E_STATE;
}

int hs_resume(struct ktls_hs *hs, int err)
{
	struct hs_wait was = hs->wait;

	hs->wait = (struct hs_wait){ 0 };
	hs->msg = (struct hs_msg){ { was.msg.buf, was.msg.len }, was.last };
	if (!err)
		err = was.then(hs);
	hs->msg = (struct hs_msg){ { NULL, 0 }, false };
	if (!err)
		err = hs_settle(hs, was.next);
	hs_wait_free(&was);
	if (!err && hs->state == HS_DONE)
		err = hs_done(hs);
	return err ? hs_fail(hs, err) : 0;
}
