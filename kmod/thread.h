/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that are held until somebody has waited for their end */
#ifndef KC_THREAD_H
#define KC_THREAD_H

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

/* Start what kthread_create() gave, known as @held from before it runs on */
static inline int kc_thread_start(struct task_struct **held,
				  struct task_struct *created)
{
	if (IS_ERR(created))
		return PTR_ERR(created);
	*held = get_task_struct(created);
	wake_up_process(created);
	return 0;
}

#endif
