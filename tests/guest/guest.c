// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers for the guest tests; guest.h says what each is for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define MEMINFO		"/proc/meminfo"
#define BLANK		" \t\n"
#define VMSTAT		"/proc/vmstat"

int read_file(const char *path, char *buf, size_t len)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0) {
		n = -errno;
		close(fd);
		return n;
	}
	buf[n] = '\0';
	close(fd);
	return 0;
}

int write_file(const char *path, const char *fmt, ...)
{
	char text[128];
	va_list args;
	ssize_t n;
	int fd, len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n != len)
		n = n < 0 ? -errno : -EIO;
	else
		n = 0;
	close(fd);
	return n;
}

long read_long(const char *path)
{
	char text[64];

	if (read_file(path, text, sizeof(text)))
		return -1;
	return atol(text);
}

int count_lines(const char *path)
{
	char line[512];
	int count = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		count++;
	fclose(f);
	return count;
}

/* The first number after "key" and separators, at the start of a line. */
static long counter(const char *path, const char *key)
{
	size_t len = strlen(key);
	char line[256];
	long value = -1;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, len) || !strchr(": \t", line[len]))
			continue;
		value = atol(line + len + strspn(line + len, ": \t"));
		break;
	}
	fclose(f);
	return value;
}

long meminfo(const char *key)
{
	return counter(MEMINFO, key);
}

long vmstat(const char *key)
{
	return counter(VMSTAT, key);
}

bool meminfo_settles(const char *key, long want, long slack)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	int tries;

	for (tries = 0; tries < 2000; tries++) {
		if (labs(meminfo(key) - want) <= slack)
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

bool kernel_is_ported(void)
{
	if (access("/sys/kernel/debug/sched", F_OK) &&
	    access(ANON_OBJECTS, F_OK))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	return !access(ANON_OBJECTS, F_OK);
}

size_t huge_page_size(void)
{
	long kb = meminfo("Hugepagesize");

	return kb > 0 ? kb * 1024UL : 0;
}

/* Free pages that nobody has reserved. */
static long huge_pool_available(void)
{
	return meminfo("HugePages_Free") - meminfo("HugePages_Rsvd");
}

long huge_pool_get(long nr)
{
	long old = read_long(NR_HUGEPAGES);

	if (old < 0)
		return -1;
	if (huge_pool_available() >= nr)
		return old;
	write_file("/proc/sys/vm/compact_memory", "1");
	/*
	 * Pages that a dying namespace still holds are counted as in use: when
	 * they come back meanwhile, the pool is larger than asked for.
	 */
	if (write_file(NR_HUGEPAGES, "%ld", meminfo("HugePages_Total") -
		       huge_pool_available() + nr) ||
	    huge_pool_available() < nr) {
		huge_pool_put(old);
		return -1;
	}
	return old;
}

void huge_pool_put(long old)
{
	if (old >= 0)
		write_file(NR_HUGEPAGES, "%ld", old);
}

size_t thp_size(void)
{
	long size = read_long("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");

	if (access(SHMEM_ENABLED, F_OK) || size > (long)(32 * MIB))
		return 0;
	return size;
}

int choice_read(const char *path, char *word, size_t len)
{
	char text[256], *open, *close;
	int err;

	err = read_file(path, text, sizeof(text));
	if (err)
		return err;
	open = strchr(text, '[');
	close = strchr(text, ']');
	if (!open || !close)
		return -EINVAL;
	*close = '\0';
	snprintf(word, len, "%s", open + 1);
	return 0;
}

#define CGROUP_ROOT	"/sys/fs/cgroup"

int cgroup_enter(struct cgroup *cg, const char *name)
{
	char procs[160], self[128], *end;
	int err;

	if (access(CGROUP_ROOT "/cgroup.controllers", F_OK) &&
	    mount("cgroup2", CGROUP_ROOT, "cgroup2", 0, NULL))
		return -errno;
	err = write_file(CGROUP_ROOT "/cgroup.subtree_control", "+memory");
	if (err)
		return err;

	err = read_file("/proc/self/cgroup", self, sizeof(self));
	if (err)
		return err;
	end = strchr(self, '\n');
	if (end)
		*end = '\0';
	if (strncmp(self, "0::", 3))
		return -ENOENT;
	snprintf(cg->origin, sizeof(cg->origin), CGROUP_ROOT "%s/cgroup.procs",
		 self + 3);

	snprintf(cg->path, sizeof(cg->path), CGROUP_ROOT "/%s.%d", name,
		 getpid());
	if (mkdir(cg->path, 0755))
		return -errno;
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cg->path);
	return write_file(procs, "%d", getpid());
}

void cgroup_leave(struct cgroup *cg)
{
	if (!cg->path[0])
		return;
	write_file(cg->origin, "%d", getpid());
	rmdir(cg->path);
	cg->path[0] = '\0';
}

int cgroup_reclaim(struct cgroup *cg, size_t bytes)
{
	char path[160];

	/*
	 * Whether active pages are to age is decided on the group's counters,
	 * which may be two seconds old. Reading them brings them up to date.
	 */
	cgroup_read(cg, "memory.stat", "anon");
	snprintf(path, sizeof(path), "%s/memory.reclaim", cg->path);
	return write_file(path, "%zu", bytes);
}

int cgroup_write(struct cgroup *cg, const char *file, const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", cg->path, file);
	return write_file(path, "%s", value);
}

long cgroup_read(struct cgroup *cg, const char *file, const char *key)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", cg->path, file);
	return key ? counter(path, key) : read_long(path);
}

static void sysvipc_column(struct sysvipc *row, const char *name,
			   const char *text)
{
	long value = atol(text);

	if (!strcmp(name, "key"))
		row->key = value;
	else if (!strcmp(name, "shmid"))
		row->id = value;
	else if (!strcmp(name, "perms"))
		row->perms = strtoul(text, NULL, 8);
	else if (!strcmp(name, "size"))
		row->size = value;
	else if (!strcmp(name, "cpid"))
		row->cpid = value;
	else if (!strcmp(name, "lpid"))
		row->lpid = value;
	else if (!strcmp(name, "nattch"))
		row->nattch = value;
	else if (!strcmp(name, "uid"))
		row->uid = value;
	else if (!strcmp(name, "gid"))
		row->gid = value;
	else if (!strcmp(name, "cuid"))
		row->cuid = value;
	else if (!strcmp(name, "cgid"))
		row->cgid = value;
	else if (!strcmp(name, "atime"))
		row->atime = value;
	else if (!strcmp(name, "dtime"))
		row->dtime = value;
	else if (!strcmp(name, "ctime"))
		row->ctime = value;
	else if (!strcmp(name, "rss"))
		row->rss = value;
	else if (!strcmp(name, "swap"))
		row->swap = value;
}

static void sysvipc_parse(const char *header, char *line, struct sysvipc *row)
{
	char names[512], *name, *text, *save_name, *save_text;

	memset(row, 0, sizeof(*row));
	snprintf(names, sizeof(names), "%s", header);
	name = strtok_r(names, BLANK, &save_name);
	text = strtok_r(line, BLANK, &save_text);
	while (name && text) {
		sysvipc_column(row, name, text);
		name = strtok_r(NULL, BLANK, &save_name);
		text = strtok_r(NULL, BLANK, &save_text);
	}
}

int sysvipc_read(int id, struct sysvipc *row)
{
	char header[512], line[512];
	int err = -ENOENT;
	FILE *f;

	f = fopen("/proc/sysvipc/shm", "re");
	if (!f)
		return -errno;
	if (!fgets(header, sizeof(header), f))
		header[0] = '\0';
	while (err && fgets(line, sizeof(line), f)) {
		sysvipc_parse(header, line, row);
		if (row->id == id)
			err = 0;
	}
	fclose(f);
	return err;
}

int sysvipc_count(void)
{
	return count_lines("/proc/sysvipc/shm") - 1;
}

void shm_remove_all(void)
{
	struct shm_info info;
	struct shmid_ds ds;
	int i, id, last;

	last = shmctl(0, SHM_INFO, (void *)&info);
	for (i = 0; i <= last; i++) {
		id = shmctl(i, SHM_STAT, &ds);
		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
	}
}

long shm_nattch(int id)
{
	struct shmid_ds ds;

	if (shmctl(id, IPC_STAT, &ds))
		return -1;
	return ds.shm_nattch;
}

static bool map_parse(const char *line, struct map *map)
{
	map->name[0] = '\0';
	return sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %127[^\n]",
		      &map->start, &map->end, map->perms, &map->offset,
		      &map->major, &map->minor, &map->inode, map->name) >= 7;
}

int shm_count_vmas(int id)
{
	struct map map;
	char line[512];
	int count = 0;
	FILE *f;

	f = fopen("/proc/self/maps", "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (map_parse(line, &map) && map.inode == (unsigned long)id &&
		    !strncmp(map.name, "/SYSV", 5))
			count++;
	fclose(f);
	return count;
}

int map_find(const void *addr, struct map *map)
{
	unsigned long at = (unsigned long)addr;
	char line[512];
	int err = -ENOENT;
	FILE *f;

	f = fopen("/proc/self/maps", "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f))
		if (map_parse(line, map) && map->start <= at && at < map->end)
			err = 0;
	fclose(f);
	return err;
}

long smaps_kb(const void *addr, const char *key)
{
	unsigned long at = (unsigned long)addr;
	size_t len = strlen(key);
	bool inside = false;
	long value = -1;
	struct map map;
	char line[512];
	FILE *f;

	f = fopen("/proc/self/smaps", "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (map_parse(line, &map)) {
			inside = map.start <= at && at < map.end;
		} else if (inside && !strncmp(line, key, len) &&
			   line[len] == ':') {
			value = atol(line + len + 1);
			break;
		}
	}
	fclose(f);
	return value;
}

/* splitmix64: one multiply-and-shift chain a word, no state. */
static __u64 pattern_word(__u64 seed, size_t index)
{
	__u64 z = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void pattern_fill(void *addr, size_t len, __u64 seed)
{
	__u64 *word = addr;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		word[i] = pattern_word(seed, i);
}

size_t pattern_check(const void *addr, size_t len, __u64 seed)
{
	const __u64 *word = addr;
	size_t i, bad = 0;

	for (i = 0; i < len / sizeof(*word); i++)
		if (word[i] != pattern_word(seed, i))
			bad++;
	return bad;
}

int in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid)
		_exit(fn(arg));
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

bool zram_on(void)
{
	return !system("{ [ -e /sys/block/zram0 ] || modprobe zram; } &&"
		       "echo 64M >/sys/block/zram0/disksize &&"
		       "busybox mkswap /dev/zram0 >/dev/null") &&
	       !swapon("/dev/zram0", SWAP_FLAG_PREFER | 100);
}

void zram_off(void)
{
	swapoff("/dev/zram0");
	write_file("/sys/block/zram0/reset", "1");
}

static int touch_read(void *arg)
{
	__atomic_load_n((char *)arg, __ATOMIC_RELAXED);
	return 0;
}

static int touch_write(void *arg)
{
	__atomic_store_n((char *)arg, 1, __ATOMIC_RELAXED);
	return 0;
}

int read_signal(const void *addr)
{
	return -in_child(touch_read, (void *)addr);
}

int write_signal(void *addr)
{
	return -in_child(touch_write, addr);
}
