#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# PostgreSQL on SysV shared memory, in a guest: a database is made and run with
# pgbench while its memory cgroup is too small for its shared buffers, so that
# these swap; then the sums that pgbench keeps must agree. And the same, in
# short, on huge pages, which PostgreSQL can only have by mmap().
#
# usage: postgres.sh [SECONDS]	of pgbench, 25 if not given
set -eu
here=$(dirname -- "$0")
. "$here/tap.sh"
seconds=${1:-25}

for bin in /usr/lib/postgresql/*/bin; do :; done
[ -x "$bin/initdb" ] || {
	echo "Bail out! PostgreSQL is not installed: run scripts/deps"
	exit 1
}
user=postgres
id "$user" >/dev/null 2>&1 || user=nobody
top=$(mktemp -d)
cgroup=/sys/fs/cgroup/postgres
scale=4

# as_user COMMAND...: not root, in the cgroup, and with the server's address
as_user()
{
	(
		echo 0 >"$cgroup/cgroup.procs"
		cd "$top"
		PGHOST=$top PGDATABASE=postgres PGUSER=postgres LC_ALL=C.UTF-8 \
			exec setpriv --reuid "$user" --regid "$(id -g "$user")" \
			--clear-groups -- "$@"
	)
}

# start BUFFERS TYPE HUGE_PAGES
settings()
{
	cat <<END
shared_memory_type = $2
dynamic_shared_memory_type = sysv
shared_buffers = $1
huge_pages = $3
listen_addresses = ''
unix_socket_directories = '$top'
max_connections = 20
fsync = off
max_wal_size = 128MB
wal_level = minimal
max_wal_senders = 0
autovacuum = off
END
}

init()
{
	commented as_user "$bin/initdb" -D "$top/data" -U postgres -A trust \
		-E UTF8 --locale=C --no-sync
}

start()
{
	settings "$@" >>"$top/data/postgresql.conf"
	commented as_user "$bin/pg_ctl" -D "$top/data" -l "$top/log" -w \
		-t 120 start || {
		sed 's/^/# /' "$top/log"
		return 1
	}
}

stop()
{
	commented as_user "$bin/pg_ctl" -D "$top/data" -w -t 120 -m fast stop
}

ask()
{
	as_user "$bin/psql" -X -q -A -t -c "$1"
}

bench()
{
	commented as_user "$bin/pgbench" -n -c 4 -j 2 -T "$1" postgres
}

# A parallel query keeps its workers' memory in a segment of its own.
sums_agree()
{
	sums=$(ask "set force_parallel_mode = on;
		select (select sum(abalance) from pgbench_accounts),
		       (select sum(tbalance) from pgbench_tellers),
		       (select sum(bbalance) from pgbench_branches),
		       (select coalesce(sum(delta), 0) from pgbench_history),
		       (select count(*) from pgbench_accounts),
		       (select count(*) > 0 from pgbench_history);")
	note "accounts|tellers|branches|history|rows|any: $sums"
	echo "$sums" | awk -F '|' -v rows=$((scale * 100000)) '
		{ good = $1 == $2 && $2 == $3 && $3 == $4 && $5 == rows &&
			 $6 == "t" }
		END { exit !good }'
}

attached_segment()
{
	segments | awk -v least="$1" '
		{ print "# segment of " $4 " bytes, " $7 " attached, " \
		  $(NF - 1) " resident, " $NF " swapped" }
		$4 >= least && $7 > 1 { found = 1 }
		END { exit !found }'
}

# The server's shared memory, not only its data on tmpfs, has been in swap.
shared_memory_swapped()
{
	segments | awk '{ swapped += $NF }
		END { print "# " swapped " bytes of segments in swap"
		      exit !(swapped > 0) }'
}

left()
{
	segments
	objects
}

some_huge_pages_used()
{
	note "$(meminfo_of HugePages_Free) of $(meminfo_of HugePages_Total)" \
		"huge pages free, $(meminfo_of HugePages_Rsvd) reserved"
	[ "$(meminfo_of HugePages_Free)" -lt "$(meminfo_of HugePages_Total)" ]
}

chown "$user" "$top"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$cgroup"
old_segments=$(segments)
old_left=$(left)

plan 18
check "initdb" init
check "server starts with SysV shared memory" start 128MB sysv off
check "its segment is there" attached_segment 128000000
check "pgbench fills the tables" commented \
	as_user "$bin/pgbench" -i -q -s $scale postgres

# From here it has less memory than its shared buffers and data
out=$(vmstat_of pswpout)
in=$(vmstat_of pswpin)
echo 64M >"$cgroup/memory.high"
check "pgbench runs under pressure" bench "$seconds"
check "segments are in swap" shared_memory_swapped
check "sums agree" sums_agree
check "swapped out" grew pswpout "$out"
check "swapped in" grew pswpin "$in"
check "server stops" stop
check "no segment left" same segments "$old_segments" segments
echo max >"$cgroup/memory.high"

pool=$(cat /proc/sys/vm/nr_hugepages)
echo $((pool + 40)) >/proc/sys/vm/nr_hugepages
pages=$(huge_pages)
check "server starts with huge pages" start 32MB mmap on
check "pgbench runs on huge pages" bench 5
check "huge pages are used" some_huge_pages_used
check "sums agree still" sums_agree
check "server stops again" stop
check "huge pages come back" same "huge pages" "$pages" huge_pages
echo "$pool" >/proc/sys/vm/nr_hugepages
rm -rf "$top"
rmdir "$cgroup"
check "no segment or object left" same "segments and objects" \
	"$old_left" left
finish
