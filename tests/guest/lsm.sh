#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# lsm.sh selinux|apparmor OBJECTS PROGRAM
#
# Which hooks of that security module are called while the program does what it
# calls by name, and what they ask its policy?  A line for each call:
#
#	WHAT CALL: ERRNO: HOOK [QUESTION] ...
#
# OBJECTS is the kernel's object directory, for SELinux's own example of a
# policy is made there.  It lets everyone do everything; here it says so, and
# what is in tmpfs and hugetlbfs has a type of its own.
set -eu
lsm=$1 objects=$2 program=$3
trace=/sys/kernel/tracing
dir=$(mktemp -d)

load_selinux()
{
	"$objects/scripts/selinux/mdp/mdp" "$dir/policy.conf" "$dir/contexts"
	# Of what a policy may ask of the kernel, a checkpolicy knows what it can
	awk '
		/^policycap/ && !/ open_perms;/ { next }
		/^type base_t/ { print "type memory_t;" }
		/^allow base_t/ {
			other = $0
			sub(/base_t:/, "memory_t:", other)
			print other
			said = 1
		}
		/^user / && said {
			print "allow memory_t memory_t:filesystem associate;"
			print "auditallow base_t { base_t memory_t }:{ file shm } *;"
		}
		/^fs_use_trans (tmpfs|hugetlbfs) / { sub(/base_t/, "memory_t") }
		{ print }' "$dir/policy.conf" >"$dir/audited.conf"
	checkpolicy -U allow -o "$dir/policy" "$dir/audited.conf" >/dev/null
	mount -t selinuxfs selinuxfs /sys/fs/selinux
	cat "$dir/policy" >/sys/fs/selinux/load
	echo 1 >"$trace/events/avc/selinux_audited/enable"
}

load_apparmor()
{
	mount -t securityfs securityfs /sys/kernel/security
	cat >"$dir/profile" <<-END
	profile lsm_calls flags=(attach_disconnected) {
		capability,
		file,
		network,
		mount,
		signal,
		unix,
	}
	END
	apparmor_parser --skip-cache --add "$dir/profile"
	asks='op=+0(%cx):string request=%r8:x32 name=+0(%r9):string'
	echo "p:lsm/asks aa_audit_file $asks" >>"$trace/kprobe_events"
}

# Those of the module's functions that are hooks for files and segments.  What
# is freed is freed by RCU.
hooks()
{
	awk -v lsm="$lsm" '
		$2 ~ /^[tT]$/ && $3 ~ "^" lsm \
			"_(file|inode|path|mmap|shm|ipc|backing)_[a-z_]+$" &&
			$3 !~ /_free/ { print $3 }' /proc/kallsyms | sort -u
}

for hook in $(hooks); do
	echo "p:lsm/$hook $hook" >>"$trace/kprobe_events"
done
"load_$lsm"
echo 1 >"$trace/events/lsm/enable"
echo 8192 >"$trace/buffer_size_kb"
echo 1 >"$trace/options/event-fork"

# Only what it and its children do is traced
sh -c 'echo $$ >"$1/set_event_pid"
	[ "$2" != apparmor ] ||
		echo "changeprofile lsm_calls" >/proc/self/attr/apparmor/current
	exec "$3"' sh "$trace" "$lsm" "$program" >&2
echo 0 >"$trace/tracing_on"

# The mark of a call's end is written to a file as well, by a hook's leave
sed 's/^.*[0-9]: \([a-z_]*\): /\1 /' "$trace/trace" |
awk -v lsm="$lsm" '
	/^#/ { next }
	$1 == "tracing_mark_write" && $2 == "call" {
		call = $0
		sub(/^[^ ]* call /, "", call)
		hooks = ""
		next
	}
	$1 == "tracing_mark_write" && $2 == "ret" && call != "" {
		sub("( asks\\[file_perm 0x2 [^ ]*trace_marker\\])?$", "", hooks)
		sub(/ file_permission$/, "", hooks)
		print call ": " $3 ":" hooks
		calls++
		call = ""
		next
	}
	call == "" { next }
	$1 == "selinux_audited" {
		sub(/requested=/, "", $2)
		sub(/.*:/, "", $7)
		sub(/tclass=/, "", $NF)
		hooks = hooks " [" $NF " " $2 " " $7 "]"
		next
	}
	$1 == "asks" {
		gsub(/[a-z]*=/, "")
		gsub(/"/, "")
		hooks = hooks " [" $3 " " $4 " " $5 "]"
		next
	}
	{
		sub("^" lsm "_", "", $1)
		hooks = hooks " " $1
	}
	END { exit calls < 50 }'
