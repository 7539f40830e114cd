/* SPDX-License-Identifier: MIT */
/* What the module answers, in text and in JSON. */
#ifndef TOOLS_KERNEL_PRINT_H
#define TOOLS_KERNEL_PRINT_H

#include <netlink/attr.h>

#include "json.h"

/* The attributes of an answer, by what it is about */
struct kernel_set;

extern const struct kernel_set kernel_endpoint;
extern const struct kernel_set kernel_conn;
extern const struct kernel_set kernel_stats;

extern const char *const kernel_services[];
extern const char *const kernel_auths[];

/* The place of @name in a list that NULL ends, or -1 */
int kernel_name(const char *const *names, const char *name);
/* An unsigned number of 1 to 8 bytes */
uint64_t kernel_number(const struct nlattr *attr);

/* One line, "name=value ..." */
void kernel_print(const struct kernel_set *set, const struct nlattr *attrs,
		  int len);
/* An object; @name NULL in an array and at the top */
void kernel_json(struct json *j, const char *name, const struct kernel_set *set,
		 const struct nlattr *attrs, int len);

#endif
