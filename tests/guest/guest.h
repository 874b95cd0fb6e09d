/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the guest tests: reading the kernel's counters, the huge page
 * pool, memory cgroups, SysV segments and checksummed memory.
 *
 * Nothing here asserts: every function reports failure in its return value,
 * so that a test fails at its own line and with its own words.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef SHM_HUGETLB
#define SHM_HUGETLB	04000
#endif
#ifndef SHM_NORESERVE
#define SHM_NORESERVE	010000
#endif
#ifndef SHM_HUGE_SHIFT
#define SHM_HUGE_SHIFT	26
#endif
#ifndef SHM_DEST
#define SHM_DEST	01000
#define SHM_LOCKED	02000
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY	15
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#ifndef __printf
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#endif

#define MIB	(1024UL * 1024)
#define PAGE	((unsigned long)sysconf(_SC_PAGESIZE))

#define ANON_OBJECTS	"/sys/kernel/debug/anon_objects"
#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

/* Files. Both return 0 or -errno. */
int read_file(const char *path, char *buf, size_t len);
int write_file(const char *path, const char *fmt, ...) __printf(2, 3);
/* A decimal number in a file, -1 if there is none. */
long read_long(const char *path);
/* How many lines there are in a file, -1 if there is none. */
int count_lines(const char *path);

/* The value after "key" in /proc/meminfo (kB, or a count) or /proc/vmstat. */
long meminfo(const char *key);
long vmstat(const char *key);
/* Poll a counter until it is within slack of want; false after 20 seconds. */
bool meminfo_settles(const char *key, long want, long slack);

/* Is this the kernel with anon_object? Mounts debugfs to find out. */
bool kernel_is_ported(void);

/* The default huge page size in bytes, 0 without hugetlb. */
size_t huge_page_size(void);
/* Make the pool at least nr free pages; returns the old size or -1. */
long huge_pool_get(long nr);
void huge_pool_put(long old);

/*
 * A huge page of shmem's in bytes, 0 if there are none. With pages of 64 KiB
 * they are of 512 MiB, which is none for a guest.
 */
size_t thp_size(void);

/* The selected word of a sysfs choice ("always [never] ..."), or -errno. */
int choice_read(const char *path, char *word, size_t len);

/* A cgroup v2 memory controller group of our own; 0 or -errno. */
struct cgroup {
	char path[96];
	char origin[160];
};

int cgroup_enter(struct cgroup *cg, const char *name);
void cgroup_leave(struct cgroup *cg);
int cgroup_reclaim(struct cgroup *cg, size_t bytes);
int cgroup_write(struct cgroup *cg, const char *file, const char *value);
long cgroup_read(struct cgroup *cg, const char *file, const char *key);

/* One row of /proc/sysvipc/shm, found by the columns' names. */
struct sysvipc {
	long key;
	int id;
	unsigned int perms;
	unsigned long size;
	int cpid, lpid;
	unsigned long nattch;
	unsigned int uid, gid, cuid, cgid;
	unsigned long atime, dtime, ctime;
	unsigned long rss, swap;
};

/* 0, or -ENOENT when no segment has this id. */
int sysvipc_read(int id, struct sysvipc *row);
/* The count of segments in this namespace. */
int sysvipc_count(void);

/*
 * Remove every segment of this namespace. Its end would do so too, but later,
 * when the next test is already counting.
 */
void shm_remove_all(void);

/* shm_nattch of a segment, -1 when it does not exist. */
long shm_nattch(int id);
/* How many VMAs of this process map the segment. */
int shm_count_vmas(int id);

/* The line of /proc/self/maps that covers addr. */
struct map {
	unsigned long start, end, offset;
	char perms[5];
	unsigned int major, minor;
	unsigned long inode;
	char name[128];
};

int map_find(const void *addr, struct map *map);
/* A value in kB of the smaps entry that covers addr, -1 if missing. */
long smaps_kb(const void *addr, const char *key);

/*
 * Checksummed memory: each word depends on its position and a seed, does not
 * compress to nothing, and can be verified without a second copy.
 */
void pattern_fill(void *addr, size_t len, __u64 seed);
/* The count of words that differ. */
size_t pattern_check(const void *addr, size_t len, __u64 seed);

/*
 * On this processor only, from now on. Others have batches of folios on their
 * way to a list, and with that references to them, for as long as they like.
 */
void stay_here(void);

/* Swap, before any other, that has what is written when the write returns. */
bool zram_on(void);
void zram_off(void);

/* Run fn(arg) in a child; its exit status, or -signal when it was killed. */
int in_child(int (*fn)(void *arg), void *arg);
/* The signal that reading or writing a byte at addr ends with, 0 if none. */
int read_signal(const void *addr);
int write_signal(void *addr);

#endif
