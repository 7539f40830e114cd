#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ct_test.sh with what clang makes of the library
CC=clang exec "$(dirname "$0")/ct_test.sh" "$@"
