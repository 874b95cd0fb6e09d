#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# several.sh PROGRAM...: run guest programs one after the other, each of them a
# subtest, and have the kernel's log say which.
set -eu
status=$(mktemp)
failed=0
# Line by line, so that it is known how far a guest came; busybox's knows no -u
unbuffered=
if sed -u q </dev/null 2>/dev/null; then
	unbuffered=-u
fi

echo "TAP version 13"
echo "1..$#"
number=0
for program; do
	number=$((number + 1))
	name=${program##*/}
	echo "tests: running $name" >/dev/kmsg
	echo "    # Subtest: $name"
	{ "$program" 2>&1 && echo 0 >"$status" || echo $? >"$status"; } |
		sed $unbuffered 's/^/    /'
	result=$(cat "$status")
	if [ "$result" = 0 ]; then
		echo "ok $number $name"
	else
		echo "not ok $number $name # exit status $result"
		failed=1
	fi
done
rm -f "$status"
exit $failed
