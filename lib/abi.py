# SPDX-License-Identifier: MIT
#
# What a program that was built with the headers takes for granted, a line for
# each: calls, structs and the places of their members, enumerators, and values
# of macros.  gdb runs it, as it can read the DWARF of the libraries:
#
#	O=build gdb -nx -batch -x lib/abi.py
#
# "grows": a struct that says its own size, or that goes with it as an argument
# or in struct ktls_sizes, so that members may be added at its end; others are in
# arrays and structs.
import glob
import os
import re

import gdb

headers = "".join(open(f).read() for f in sorted(glob.glob("lib/include/*.h")))
lines = set()
growing = set()


def call(name):
    kind = gdb.lookup_global_symbol(name).type
    lines.add(f"call {name}: {kind}")
    types = [f.type for f in kind.fields()]
    if name.endswith("_size") and types[-1].name == "size_t":
        growing.add(str(types[-2].target().unqualified()))
    if types and str(types[-1]) == "const struct ktls_sizes *":
        growing.update(f"struct ktls_{f.name}"
                       for f in types[-1].target().fields())


def layout(name):
    kind = gdb.lookup_type(name)
    fields = kind.fields()
    if name.startswith("enum"):
        for f in fields:
            lines.add(f"{name} {f.name} = {f.enumval}")
        return
    if fields[0].name == "size" and str(fields[0].type) == "size_t":
        growing.add(name)
    how = "grows" if name in growing else "fixed"
    lines.add(f"{name} size {kind.sizeof} {how}")
    for f in fields:
        lines.add(f"{name} {f.bitpos // 8:03} {f.name}: {f.type}")


for lib in "libktls", "libktls-uring":
    gdb.execute(f"file {os.environ['O']}/{lib}.so")
    with open(f"lib/{lib}.map") as m:
        for name in re.findall(r"^\t(ktls_\w+);", m.read(), re.M):
            call(name)
    for name in re.findall(r"^(?:struct|enum) ktls_\w+(?= \{)", headers, re.M):
        try:
            layout(name)
        except gdb.error:       # the other library's
            pass

for name, value in re.findall(r"^#define (KTLS_\w+)[ \t]+([^\s\\].*?)"
                              r"[ \t]*(?:/\*.*)?$", headers, re.M):
    if not re.match(r"KTLS_(VERSION_M|MUST_CHECK)", name):
        lines.add(f"macro {name} {value}")

print("\n".join(sorted(lines)))
