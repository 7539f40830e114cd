#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Do ktls_consumer.yaml, ktls_consumer.h and the module say the same? Numbers
# and names, what each command accepts, the bounds of it, and who may use it.
# Speaks KTAP.
set -u
cd "$(dirname "$0")/.." || exit 1

exec timeout 60 python3 - <<'EOP'
import re
import sys
import yaml

spec = yaml.safe_load(open("uapi/ktls_consumer.yaml"))
header = open("uapi/linux/ktls_consumer.h").read()
attrs = open("kmod/attrs.c").read()
netlink = open("kmod/netlink.c").read()
PREFIX = "KTLS_CONSUMER_"


def upper(*words):
    return PREFIX + "_".join(words).upper().replace("-", "_")


def enums():
    """The lists of names, by the prefix that they have in common"""
    for body in re.findall(r"enum\s*\w*\s*{(.*?)};", header, re.S):
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        yield [name for name in re.findall(r"\b(KTLS_CONSUMER_\w+)", body)
               if not name.endswith("_MAX")]


def starts_at(name):
    return 1 if re.search(name + r" = 1,", header) else 0


def numbers():
    """Every list of the specification, in the header, from the same number"""
    lists = {tuple(names) for names in enums()}
    wrong = []
    for d in spec["definitions"]:
        if d["type"] == "enum":
            want = tuple(upper(d["name"], e) for e in d["entries"])
            lists.discard(want) if want in lists else wrong.append(want)
            wrong += [want[0]] if starts_at(want[0]) else []
        elif not re.search(rf"#define\s+{upper(d['name'])}\s+{d['value']}\n",
                           header):
            wrong.append(d["name"])
    sets = [(["a", s["name"]], s["attributes"]) for s in spec["attribute-sets"]]
    sets.append((["cmd"], spec["operations"]["list"]))
    for prefix, members in sets:
        want = tuple(upper(*prefix, m["name"]) for m in members)
        lists.discard(want) if want in lists else wrong.append(want)
        wrong += [] if starts_at(want[0]) else [want[0]]
    return wrong + sorted(lists)


def types():
    """What the header says of each attribute's type"""
    wrong = []
    for s in spec["attribute-sets"]:
        for a in s["attributes"]:
            name = upper("a", s["name"], a["name"])
            line = re.search(rf"\b{name}(?: = 1)?,[ \t]*(/\*.*)?", header)
            said = line.group(1) if line else None
            if s["name"] == "counters":
                wrong += [] if a["type"] == "uint" else [name]
            elif not said or not re.match(rf"/\* {a['type']}\b", said):
                wrong.append((name, said))
    return wrong


def constant(value):
    """A bound of the specification, as C has it"""
    names = [d["name"] for d in spec["definitions"]]
    return upper(value) if value in names else str(value)


def policy_of(attribute):
    """The entry that an attribute has to have in a policy, without spaces"""
    checks = attribute.get("checks", {})
    low, high = (constant(checks[k]) if k in checks else None
                 for k in ("min", "max"))
    kind = "NLA_" + attribute["type"].upper()
    if "enum" in attribute:
        entries = next(d["entries"] for d in spec["definitions"]
                       if d["name"] == attribute["enum"])
        return f"NLA_POLICY_MAX({kind},{upper(attribute['enum'], entries[-1])})"
    if attribute["type"] == "string":
        return ("{.type=NLA_NUL_STRING,.len=%s}" % constant(checks["max-len"]))
    if attribute["type"] == "binary":
        return f"NLA_POLICY_MAX_LEN({checks['max-len']})"
    if low and high and attribute["name"].endswith("timeout"):
        return f"NLA_POLICY_FULL_RANGE({kind},{low},{high})"
    if low and high:
        return f"NLA_POLICY_RANGE({kind},{low},{high})"
    if low:
        return f"NLA_POLICY_MIN({kind},{low})"
    return "{.type=%s}" % kind


def policies():
    """The module's, with macros and ranges put in"""
    text = re.sub(r"\\\n", "\n", attrs)
    both = re.search(r"#define KC_POLICY_BOTH(.*?)\n\n", text, re.S).group(1)
    for name, body in re.findall(
            r"netlink_range_validation (\w+) = {(.*?)};", text, re.S):
        low, high = re.search(r"\.min = (\w+),\s*\.max = (\w+)", body).groups()
        both = both.replace("&" + name, f"{low}, {high}")
    for name, body in re.findall(
            r"nla_policy\s+kc_(\w+)_policy\[[^=]*= {(.*?)\n};", text, re.S):
        body = body.replace("KC_POLICY_BOTH", both)
        body = re.sub(r"\s+", "", body) + ",["
        found = re.findall(r"\[(?:A\((\w+)\)|KTLS_CONSUMER_A_\w+?_(\w+))\]="
                           r"(.*?),+(?=\[)", body)
        yield name, {(a or b).lower().replace("_", "-"): v
                     for a, b, v in found}


def accepted():
    """What a command's request may have is what its policy lets through"""
    sets = {s["name"]: {a["name"]: a for a in s["attributes"]}
            for s in spec["attribute-sets"]}
    have = dict(policies())
    wrong = []
    for op in spec["operations"]["list"]:
        for how in ("do", "dump"):
            if how not in op:
                continue
            entry = entry_of(op, how)
            request = op[how].get("request", {}).get("attributes", [])
            used = re.search(r"KC_POLICY\((\w+)\)", entry)
            got = have[used.group(1)] if used else {}
            want = {a: policy_of(sets[op["attribute-set"]][a])
                    for a in request}
            if got != want:
                wrong.append((op["name"], how, sorted(
                    set(got.items()) ^ set(want.items()))))
    return wrong


def entry_of(op, how):
    """A command's row in the module's table"""
    for entry in re.findall(r"\t{\n(.*?)\n\t},", netlink, re.S):
        if f".cmd = {upper('cmd', op['name'])}," in entry and \
           f".{how}it = " in entry:
            return entry
    return ""


def rights():
    flag = {"admin-perm": "GENL_ADMIN_PERM",
            "uns-admin-perm": "GENL_UNS_ADMIN_PERM"}
    wrong = []
    for op in spec["operations"]["list"]:
        for how in ("do", "dump"):
            if how not in op:
                continue
            want = [flag[f] for f in op["flags"]]
            want.append(f"GENL_CMD_CAP_{how.upper()}")
            if f".flags = {' | '.join(want)}," not in entry_of(op, how):
                wrong.append((op["name"], how, want))
    rows = len(re.findall(r"\.cmd = ", netlink))
    told = sum(how in op for op in spec["operations"]["list"]
               for how in ("do", "dump"))
    return wrong + ([(rows, told)] if rows != told else [])


def version():
    """DKMS's file cannot ask the Makefile"""
    want = re.search(r"^VERSION\s*:= (.*)", open("Makefile").read(), re.M)
    if f'PACKAGE_VERSION="{want.group(1)}"' in open("kmod/dkms.conf").read():
        return []
    return ["dkms.conf is of another version"]


tests = [numbers, types, accepted, rights, version]
print("KTAP version 1\n1..%d" % len(tests))
failed = 0
for n, test in enumerate(tests, 1):
    offenders = test()
    for o in offenders:
        print("#", o)
    print("ok" if not offenders else "not ok", n, test.__name__)
    failed |= bool(offenders)
sys.exit(failed)
EOP
