/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_MIME_H
#define TOOLS_MIME_H

/* The media type for a file's name; application/octet-stream if unknown */
const char *mime_type(const char *name);

#endif
