// SPDX-License-Identifier: MIT
#include "variant.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))
#define NOT_SAID	UINT_MAX

/* Among equals the first is preferred: most often the smallest */
static const struct coding {
	const char *name, *alias, *suffix;
} codings[] = {
	{ "br", "br", ".br" },
	{ "zstd", "zstd", ".zst" },
	{ "gzip", "x-gzip", ".gz" },	/* 9110 8.4.1.3 */
};

enum {
	IDENTITY = COUNT(codings),
	ANY,
	WEIGHTS,
};

/* ---- the field --------------------------------------------------------- */

static int find_coding(const char *s, size_t len)
{
	static const char *const others[] = {
		[IDENTITY] = "identity",
		[ANY] = "*",
	};

	for (int i = 0; i < WEIGHTS; i++) {
		const char *name = i < IDENTITY ? codings[i].name : others[i];
		const char *alias = i < IDENTITY ? codings[i].alias : name;

		if ((strlen(name) == len && !strncasecmp(name, s, len)) ||
		    (strlen(alias) == len && !strncasecmp(alias, s, len)))
			return i;
	}
	return -1;
}

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* ";q=0.5" in thousandths (9110 12.4.2); what is malformed counts as 0 */
static unsigned int take_weight(const char *s)
{
	unsigned int n, scale = 100;

	s = skip_space(s);
	if (*s != ';')
		return *s && *s != ',' ? 0 : 1000;
	s = skip_space(s + 1);
	if ((*s != 'q' && *s != 'Q') || s[1] != '=')
		return 0;
	s += 2;
	if (*s != '0' && *s != '1')
		return 0;
	n = *s++ == '1' ? 1000 : 0;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9' && scale; s++, scale /= 10)
			n += (unsigned int)(*s - '0') * scale;
	s = skip_space(s);
	return (*s && *s != ',') || n > 1000 ? 0 : n;
}

static void take_weights(const char *s, unsigned int weight[WEIGHTS])
{
	for (; *s; s += strcspn(s, ",")) {
		size_t len;
		int i;

		s += strspn(s, ", \t");
		len = strcspn(s, ",; \t");
		i = find_coding(s, len);
		if (i >= 0)
			weight[i] = 2 * take_weight(s + len);
	}
}

/*
 * What each is worth.  Without a word about it "identity" is acceptable, and
 * any other rather than that, which has at least 2 then.
 */
static void weigh(const struct http_request *r, unsigned int weight[WEIGHTS])
{
	const char *s = NULL;

	for (int i = 0; i < WEIGHTS; i++)
		weight[i] = NOT_SAID;
	while ((s = http_request_next(r, HTTP_FIELD_ACCEPT_ENCODING, s)))
		take_weights(s, weight);
	for (int i = 0; i < IDENTITY; i++)
		if (weight[i] == NOT_SAID)
			weight[i] = weight[ANY] == NOT_SAID ? 0 : weight[ANY];
	if (weight[IDENTITY] == NOT_SAID)
		weight[IDENTITY] = !weight[ANY] ? 0 : 1;
}

/* ---- the files --------------------------------------------------------- */

static bool older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* A sibling that can stand for the @plain file, or NULL */
static struct file *get_sibling(struct filecache *files, const char *name,
				const char *suffix, const struct file *plain)
{
	char path[PATH_MAX];
	size_t len = strlen(name), more = strlen(suffix) + 1;
	struct file *f;

	if (len + more > sizeof(path))
		return NULL;
	memcpy(path, name, len);
	memcpy(path + len, suffix, more);
	f = filecache_get(files, path);
	if (f && !f->err && S_ISREG(f->st.st_mode) &&
	    !older(&f->st.st_mtim, &plain->st.st_mtim))
		return f;
	file_put(f);
	return NULL;
}

bool variant_is_suffix(const char *s)
{
	for (int i = 0; i < IDENTITY; i++)
		if (!strcmp(codings[i].suffix, s))
			return true;
	return false;
}

int variant_choose(struct file **file, const char **coding,
		   struct filecache *files, const char *name,
		   const struct http_request *r, bool *varies)
{
	unsigned int weight[WEIGHTS], best;
	struct file *plain = *file, *chosen = NULL;

	weigh(r, weight);
	/* at equal weight a coding is taken rather than none */
	best = weight[IDENTITY];
	for (int i = 0; i < IDENTITY; i++) {
		struct file *f = get_sibling(files, name, codings[i].suffix,
					     plain);

		if (!f)
			continue;
		*varies = true;
		if (!weight[i] || weight[i] < best ||
		    (chosen && weight[i] == best)) {
			file_put(f);
			continue;
		}
		file_put(chosen);
		chosen = f;
		*coding = codings[i].name;
		best = weight[i];
	}
	if (chosen) {
		file_put(plain);
		*file = chosen;
	}
	if (best)
		return 0;
	*varies = true;
	return HTTP_STATUS_NOT_ACCEPTABLE;
}
