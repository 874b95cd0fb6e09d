#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# XFS's online repair, in a guest: all metadata that it can rebuild is rebuilt,
# while what it stages in memory is put out to swap again and again. Then neither
# the kernel nor xfsprogs may find anything wrong, and each file must be what it
# was. And so with what has been damaged.
#
# usage: xfs.sh PROGRAMS [long]	where xfs_rebuild and xfs_tree are; once more, with
#				parent pointers and huge pages, on more files
set -eu
here=$(dirname -- "$0")
. "$here/tap.sh"
programs=$1 long=${2:-}

for tool in mkfs.xfs xfs_db xfs_io xfs_repair xfs_scrub; do
	command -v $tool >/dev/null || {
		echo "Bail out! there is no $tool: run scripts/deps"
		exit 1
	}
done
top=$(mktemp -d)
image=$top/image
mount=$top/mount
cgroup=/sys/fs/cgroup/xfs
table=/sys/kernel/debug/anon_objects
tracing=/sys/kernel/tracing/instances/xfs
huge=/sys/kernel/mm/transparent_hugepage/shmem_enabled
# Of each kind that differs in what there is to rebuild
files='. many symlink attrs extents clone'
# Bits of sb_features_incompat: repair needs the first for what is in files, and
# finds more with the second
exchange=0x40 parents=0x80
mkdir "$mount"

# --- the file system --------------------------------------------------------

# debug COMMAND...: xfs_db's.  This one takes features that it does not know for
# corruption, and says so.
debug()
{
	for command; do
		shift
		set -- "$@" -c "$command"
	done
	xfs_db -x "$@" "$image" 2>/dev/null
}

set_features()
{
	for group in 0 1; do
		debug "sb $group" "write -d features_incompat $1" >/dev/null
	done
}

# make SCALE: as large as it has to be for what fill puts into it
make()
{
	fallocate -l $((64 + 64 * $1))M "$image"
	# These variables let it be small
	TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 mkfs.xfs -q -K -d agcount=2 \
		-m rmapbt=1,reflink=1,inobtcount=1,bigtime=1 -i nrext64=1 \
		"$image"
	known=$(debug 'sb 0' 'print features_incompat')
	known=${known##* }
}

# fill SCALE: and see what there is then; a file has no name any more
fill()
{
	"$programs/xfs_tree" fill "$mount" "$1"
	exec 7>"$mount/unlinked"
	rm "$mount/unlinked"
	sync
	list >"$top/listed"
	note "$(wc -l <"$top/listed") files"
}

list()
{
	"$programs/xfs_tree" list "$mount" | sort
}

# attach FEATURES: beside its own
attach()
{
	set_features "$(printf '0x%x' $((known | $1)))"
	loop=$(losetup --find --show "$image")
	mount -o usrquota,grpquota,prjquota "$loop" "$mount"
}

# detach: xfsprogs is to know its features again
detach()
{
	umount "$mount"
	losetup --detach "$loop"
	set_features "$known"
}

# --- memory -----------------------------------------------------------------

# press: put out to swap what the cgroup has, again and again, and note what
# objects have there
press()
{
	while :; do
		echo 1G >"$cgroup/memory.reclaim" || :
		[ ! -r "$table" ] || note_swapped <"$table"
		sleep 0.1
	done 2>/dev/null
}

# note_swapped: by the shell alone, for objects are soon gone; those on their way
# out have no name
note_swapped()
{
	while read -r object _ _ _ _ swapped _; do
		case $object:$swapped in
		\#* | -:* | *:0 | *:swapped_kB) ;;
		*) printf '%s %s\n' "$object" "$swapped" ;;
		esac
	done
}

# under_pressure COMMAND...
under_pressure()
{
	press >"$top/swapped" &
	presser=$!
	"$@" && result=0 || result=$?
	{
		kill "$presser"
		wait "$presser" || :
	} 2>/dev/null
	return "$result"
}

# Of objects that are there for a moment only, one has been seen there; a stock
# kernel has no table of them
was_swapped()
{
	awk '{ if ($2 > most[$1]) most[$1] = $2 }
	     END { for (name in most) print "# " most[name] " kB of " name }' \
		"$top/swapped" | sort -n -k 2
	[ ! -r "$table" ] || [ -s "$top/swapped" ]
}

# trace: what comes and goes
trace()
{
	mkdir "$tracing"
	echo 8192 >"$tracing/buffer_size_kb"
	for event in "$tracing"/events/xfs*/*; do
		case "${event##*/}" in
		xfile_create | xfile_destroy | xmbuf_create | xmbuf_free)
			echo 1 >"$event/enable"
			;;
		esac
	done
}

# trace_all: all else that there is of it, to be overwritten
trace_all()
{
	for event in /sys/kernel/tracing/events/xfs*/*; do
		case "${event##*/}" in
		xfile_* | xfarray_* | xfbtree_* | xmbuf_*)
			echo 1 >"$event/enable"
			;;
		esac
	done
}

# count EVENT
count()
{
	grep -c " $1: " "$tracing/trace" || :
}

# As many have gone as have come
all_gone()
{
	for pair in 'xfile_create xfile_destroy' 'xmbuf_create xmbuf_free'; do
		came=$(count "${pair% *}") went=$(count "${pair#* }")
		note "$pair: $came $went"
		[ "$came" -gt 0 ] && [ "$came" = "$went" ] || return 1
	done
}

# Within what a few processes have
committed_as_before()
{
	now=$(meminfo_of Committed_AS)
	note "Committed_AS: $old_committed kB, $now kB"
	[ "$now" -gt $((old_committed - 8192)) ] &&
		[ "$now" -lt $((old_committed + 8192)) ]
}

# --- checks -----------------------------------------------------------------

# scrub check|repair|rebuild all|TYPE
scrub()
(
	echo 0 >"$cgroup/cgroup.procs"
	# shellcheck disable=SC2086	# words
	exec "$programs/xfs_rebuild" "$1" "$mount" "$2" $files
)

# none FILE: show what should not be there
none()
{
	sed 's/^/# /' "$1"
	! [ -s "$1" ]
}

# not_all VERB TYPE GOOD: what is said to be otherwise than GOOD; an end before
# all has been said is that too
not_all()
{
	scrub "$1" "$2" >"$top/scrubbed" || echo "xfs_rebuild failed: $?"
	[ -s "$top/scrubbed" ] || echo "xfs_rebuild said nothing"
	grep -v -E ": ($3)\$" "$top/scrubbed" || :
}

# rebuilt NAME: with the results that are known to be right
rebuilt()
{
	scrub rebuild all >"$top/scrubbed" || return
	sed "s/^/$1 /" "$top/scrubbed" >"$top/results"
	grep "^$1 " "$here/xfs.results" | diff - "$top/results" \
		>"$top/different" || :
	none "$top/different"
}

clean()
{
	not_all check all 'clean|ENOENT' >"$top/unclean"
	none "$top/unclean"
}

unchanged()
{
	list | diff "$top/listed" - >"$top/changed" || :
	none "$top/changed"
}

quiet()
{
	dmesg | grep -E 'XFS \(loop[0-9]+\): .*([Cc]orrupt|[Ee]rror|[Ff]ail|[Ss]hut)' \
		>"$top/said" || :
	none "$top/said"
}

# damage: free space, free inodes, and how many links there are to a file
damage()
{
	for group in 0 1; do
		debug "agf $group" 'addr bnoroot' 'write -d recs[1].blockcount 1'
		debug "agi $group" 'addr free_root' 'write -d recs[1].freecount 3'
	done
	debug "inode $(sed -n 's/^.\/attrs \([0-9]*\) .*/\1/p' "$top/listed")" \
		'write -d core.nlinkv2 9'
}

damage_is_seen()
{
	scrub check all | grep corrupt >"$top/corrupt" || :
	sed 's/^/# /' "$top/corrupt"
	for type in bnobt finobt nlinks; do
		grep -q "^$type .*corrupt" "$top/corrupt" || return 1
	done
}

xfs_io_repairs()
{
	for type in bnobt finobt; do
		for group in 0 1; do
			commented xfs_io -x -c "repair $type $group" "$mount" ||
				return
		done
	done
	for type in bnobt finobt; do
		not_all check "$type" clean
	done >"$top/unclean"
	none "$top/unclean"
}

# What xfs_scrub does not know is left to be repaired after it
rest_is_repaired()
{
	not_all repair all 'clean|ENOENT|no-repair-needed' >"$top/unclean"
	none "$top/unclean"
}

# --- the test ---------------------------------------------------------------

modprobe loop
modprobe xfs
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$cgroup"
trace
old_objects=$(objects)
old_committed=$(meminfo_of Committed_AS)
out=$(vmstat_of pswpout)
in=$(vmstat_of pswpin)
dmesg --clear

if [ "$long" ]; then
	plan 24
else
	plan 17
fi

make 1
attach $exchange
fill 1
check "all is rebuilt" under_pressure rebuilt exchange
exec 7>&-
check "what is staged goes to swap" was_swapped
check "swapped out" grew pswpout "$out"
check "swapped in" grew pswpin "$in"
check "all is clean" clean
check "files are unchanged" unchanged
check "the kernel finds nothing wrong" quiet
detach
check "xfs_repair finds nothing wrong" commented xfs_repair -n "$image"

damage >"$top/damaged"
attach $exchange
check "damage is seen" damage_is_seen
check "xfs_io repairs" xfs_io_repairs
check "xfs_scrub repairs" commented xfs_scrub "$mount"
check "what xfs_scrub does not know is repaired" rest_is_repaired
check "files are unchanged by repair" unchanged
detach
check "xfs_repair finds nothing left to repair" commented xfs_repair -n "$image"
rm "$image"

if [ "$long" ]; then
	dmesg --clear
	trace_all
	make 3
	attach $((exchange | parents))
	fill 3
	old_huge=$(sed 's/.*\[\(.*\)\].*/\1/' "$huge")
	echo force >"$huge"
	check "all is rebuilt, in huge pages" under_pressure rebuilt parents
	check "huge pages go to swap" was_swapped
	echo "$old_huge" >"$huge"
	check "all is rebuilt, with parent pointers" under_pressure rebuilt parents
	exec 7>&-
	check "small pages go to swap" was_swapped
	check "all is clean, with parent pointers" clean
	check "files are unchanged, with parent pointers" unchanged
	check "the kernel finds nothing wrong, with parent pointers" quiet
	detach
	rm "$image"
fi

check "all that came has gone" all_gone
check "no object left" same objects "$old_objects" objects
check "committed memory is as before" committed_as_before
rmdir "$cgroup" "$tracing"
finish
