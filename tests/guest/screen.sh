#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# screen.sh stock|ported
#
# The console's framebuffer and what modetest draws, on a virtio GPU: what the
# table of objects has of them, and what is on show, of which the host takes a
# picture. The ported kernel is to print the pins that it traces.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/tap.sh"

# Of the screen that tests/vm/boot has, in kB; another mode for modetest
console=$((1280 * 800 * 4 / 1024))
width=1024 height=768
drawn=$((width * height * 4 / 1024))
table=/sys/kernel/debug/anon_objects
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# pinned KB: the table has one object of that size, and all of it is pinned.
pinned()
{
	commented cat "$table"
	awk -v size="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		$column["size_kB"] == size {
			found++
			if ($column["pinned_kB"] >= size) good++
		}
		END { exit !(found == 1 && good == 1) }' "$table"
}

# The kernel's log has the console's pin before the line that init starts.
pinned_early()
{
	dmesg | grep -E 'anon_object_pin:|as init process' >"$dir/early"
	commented cat "$dir/early"
	awk -v size="$(($1 * 1024))" '
		/as init process/ { exit }
		/anon_object_pin:/ && index($0, "len " size " ret 0") { found = 1 }
		END { exit !found }' "$dir/early"
}

# modetest draws, shows it and then waits for a key.
draws()
{
	mkfifo "$dir/keys"
	modetest -M virtio_gpu -s "Virtual-1:${width}x$height" -F smpte \
		<"$dir/keys" >"$dir/said" 2>&1 &
	modetest=$!
	exec 3>"$dir/keys"
	until grep -q '^0 0x0 ' "/proc/$modetest/syscall"; do
		kill -0 "$modetest" || break
		sleep 0.1
	done
	commented cat "$dir/said"
	kill -0 "$modetest"
}

ends()
{
	echo >&3
	wait "$modetest"
}

# gone KB: and the console's is still there
gone()
{
	pinned "$console" && ! awk '{ print $4 }' "$table" | grep -q -x "$1"
}

# A TAP of its own is in the comments.
cpu_reads()
{
	commented "$here/../vm/screen" scanout /dev/dri/card0 "$width" "$height"
}

case "${1:-}" in
ported) plan 8 ;;
stock) plan 4 ;;
*) echo "usage: screen.sh stock|ported" >&2; exit 2 ;;
esac
if [ "$1" = ported ]; then
	check "the console's framebuffer was pinned before init" \
		pinned_early "$console"
	check "it is in the table, pinned" pinned "$console"
fi
check "modetest draws" draws
check "a picture is taken" "$here/../vm/screendump" modetest
check "the CPU reads in the buffer what is shown" cpu_reads
[ "$1" = stock ] ||
	check "modetest's is in the table too, pinned" pinned "$drawn"
check "modetest ends" ends
[ "$1" = stock ] || check "its buffer is gone, not the console's" gone "$drawn"
finish
