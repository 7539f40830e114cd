/* SPDX-License-Identifier: MIT */
/* A program that has one end of a connection as two of its files. */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "inside.h"

struct text;

struct program {
	struct inside inside;
	pid_t pid;
	bool grouped;	/* in a process group of its own: all of it is meant */
	int64_t kill_at;	/* since it was asked to end; 0: it was not */
	bool over;
	bool killed;	/* by the signal @status; else that is its status */
	int status;
};

/*
 * Run @argv, reading what came from its file @in and writing to @out.  Of other
 * files it has those that this process has not opened itself, and with
 * @grouped none above 2.  0, or -1 after a complaint.
 */
int program_start(struct program *p, char *const *argv, int in, int out,
		  bool grouped);

/*
 * In a new process: be @argv, with each of @files, a descriptor and the number
 * that it is to have there.  @last: in a process group of its own, with no file
 * beyond; 0: with all that are inherited.
 */
void program_become(char *const *argv, int files[][2], size_t len,
		    unsigned int last) __attribute__((noreturn));

/* ... with the socket @fd as its stdin and stdout, and the group of its own */
int program_start_on(struct program *p, char *const *argv, int fd);

/*
 * Wait for its end, or for at most @ms (-1: no limit), with SIGCHLD and SIGTERM
 * blocked and to be read at @signal_fd: it gets the latter, too, and then
 * SIGKILL.  Is it over?
 */
bool program_step(struct program *p, int signal_fd, int ms);
/* ... until it is */
void program_wait(struct program *p, int signal_fd);

/* " exit=0", " signal=SEGV" */
void text_exit(struct text *t, const struct program *p);

#endif
