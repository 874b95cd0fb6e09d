// SPDX-License-Identifier: GPL-2.0
/*
 * What "make run" shows, in a guest with the ported kernel: a segment of each
 * kind, shared by two processes, on one kernel API; memory runs short, those of
 * small pages go to swap, and come back with every byte.
 *
 * The steps are numbered as they are printed. The program's status is 0 only
 * if all of it held.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../guest/guest.h"

#define KEY		0x00c0ffee
#define SMALL		(64 * MIB)
#define HUGE_PAGES	4
#define FRAMEBUFFER	"drm\\040mm\\040object"

struct segment {
	const char *title;
	const char *object;
	bool huge;
	bool sysv;
	size_t size;
	int id;
	int fd;
	char *mem;
	bool listed;
	bool consistent;
};

static struct segment segments[] = {
	{ .title = "SysV shm, 4 KiB pages", .object = "SYSV00c0ffee",
	  .sysv = true },
	{ .title = "SysV shm, huge pages", .object = "SYSV00c0ffef",
	  .sysv = true, .huge = true },
	{ .title = "memfd, 4 KiB pages", .object = "memfd:demo" },
	{ .title = "memfd, huge pages", .object = "memfd:demo-huge",
	  .huge = true },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NR_SEGMENTS	ARRAY_SIZE(segments)

#define for_each_segment(seg) \
	for (seg = segments; seg < segments + NR_SEGMENTS; seg++)

static unsigned int failures;

/* One thing that has to hold, said in words. */
static bool hold(bool held, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("   %s  %s\n", held ? "yes" : "NO ", text);
	failures += !held;
	return held;
}

static void step(int number, const char *text)
{
	printf("\n%d. %s\n\n", number, text);
}

static __u64 seed_of(const struct segment *seg, int round)
{
	return (seg - segments) * 1000 + round;
}

static bool create_sysv(struct segment *seg)
{
	int flags = IPC_CREAT | IPC_EXCL | 0600;

	if (seg->huge)
		flags |= SHM_HUGETLB;
	seg->id = shmget(KEY + (seg - segments), seg->size, flags);
	if (seg->id < 0)
		return false;
	seg->mem = shmat(seg->id, NULL, 0);
	return seg->mem != (void *)-1;
}

static bool create_memfd(struct segment *seg)
{
	seg->fd = memfd_create(strchr(seg->object, ':') + 1,
			       seg->huge ? MFD_HUGETLB : 0);
	if (seg->fd < 0 || ftruncate(seg->fd, seg->size))
		return false;
	seg->mem = mmap(NULL, seg->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			seg->fd, 0);
	return seg->mem != MAP_FAILED;
}

static void create(void)
{
	struct segment *seg;
	bool made;

	for_each_segment(seg) {
		seg->size = seg->huge ? HUGE_PAGES * huge_page_size() : SMALL;
		made = seg->sysv ? create_sysv(seg) : create_memfd(seg);
		if (!hold(made, "%-22s %3zu MiB  %s", seg->title,
			  seg->size / MIB, seg->object))
			exit(1);
	}
}

/* The second process attaches for itself, as a stranger would. */
static char *attach_again(struct segment *seg)
{
	char path[64], *mem;
	int fd;

	if (seg->sysv) {
		mem = shmat(shmget(KEY + (seg - segments), 0, 0), NULL, 0);
		return mem == (void *)-1 ? NULL : mem;
	}
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getppid(), seg->fd);
	fd = open(path, O_RDWR);
	mem = mmap(NULL, seg->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

/*
 * The second process: checks what the first has written, writes anew, waits,
 * checks that again. A byte each way says that it is done, and may go on.
 */
static void second_process(int from, int to, bool check_first)
{
	char *mem[NR_SEGMENTS], c;
	struct segment *seg;
	size_t bad = 0;

	for_each_segment(seg) {
		mem[seg - segments] = attach_again(seg);
		if (!mem[seg - segments])
			_exit(2);
		if (check_first)
			bad += pattern_check(mem[seg - segments], seg->size,
					     seed_of(seg, 1));
		pattern_fill(mem[seg - segments], seg->size, seed_of(seg, 2));
	}
	if (write(to, "1", 1) != 1 || read(from, &c, 1) != 1)
		_exit(3);
	for_each_segment(seg)
		bad += pattern_check(mem[seg - segments], seg->size,
				     seed_of(seg, 3));
	_exit(bad ? 1 : 0);
}

struct row {
	char name[64], backend[32];
	unsigned long size, resident, swapped, pinned;
};

static void row_column(struct row *row, const char *column, const char *text)
{
	unsigned long value = strtoul(text, NULL, 0);

	if (!strcmp(column, "name"))
		snprintf(row->name, sizeof(row->name), "%s", text);
	else if (!strcmp(column, "backend"))
		snprintf(row->backend, sizeof(row->backend), "%s", text);
	else if (!strcmp(column, "size_kB"))
		row->size = value;
	else if (!strcmp(column, "resident_kB"))
		row->resident = value;
	else if (!strcmp(column, "swapped_kB"))
		row->swapped = value;
	else if (!strcmp(column, "pinned_kB"))
		row->pinned = value;
}

static void row_parse(const char *header, const char *line, struct row *row)
{
	char names[512], fields[512], *name, *text, *save_name, *save_text;

	memset(row, 0, sizeof(*row));
	snprintf(names, sizeof(names), "%s", header);
	snprintf(fields, sizeof(fields), "%s", line);
	name = strtok_r(names, " \t\n", &save_name);
	text = strtok_r(fields, " \t\n", &save_text);
	while (name && text) {
		row_column(row, name, text);
		name = strtok_r(NULL, " \t\n", &save_name);
		text = strtok_r(NULL, " \t\n", &save_text);
	}
}

/* What the console is on; the kernel has made it before any process. */
static struct row framebuffer;

/* Print our lines of the kernel's table; the bytes that it says are in swap. */
static unsigned long show_table(void)
{
	char header[512] = "", line[512];
	unsigned long swapped = 0;
	struct segment *seg;
	struct row row;
	FILE *f;

	for_each_segment(seg) {
		seg->listed = false;
		seg->consistent = false;
	}
	f = fopen(ANON_OBJECTS, "re");
	if (!f || !fgets(header, sizeof(header), f)) {
		hold(false, "%s can be read", ANON_OBJECTS);
		return 0;
	}
	printf("   %s", header);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#') {
			printf("   %s", line);
			continue;
		}
		row_parse(header, line, &row);
		if (!strcmp(row.name, FRAMEBUFFER)) {
			printf("   %s", line);
			framebuffer = row;
		}
		for_each_segment(seg) {
			if (strcmp(row.name, seg->object))
				continue;
			printf("   %s", line);
			seg->listed = true;
			seg->consistent = row.size * 1024 == seg->size &&
					  row.resident + row.swapped ==
					  row.size && row.pinned == 0 &&
					  (!seg->huge || !row.swapped);
			swapped += row.swapped * 1024;
		}
	}
	fclose(f);
	printf("\n");
	return swapped;
}

/*
 * Memory runs short: a group of processes is asked to give its memory back,
 * as the kernel does by itself when all of the machine is full.
 */
static void press(struct cgroup *cg)
{
	const size_t all = 2 * SMALL;
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		cgroup_reclaim(cg, all / 2);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (cgroup_read(cg, "memory.swap.current", NULL) <
		 (long)(all * 3 / 4) && now.tv_sec - start.tv_sec < 60);
}

static size_t bad_words(int round)
{
	struct segment *seg;
	size_t bad = 0, wrong;

	for_each_segment(seg) {
		wrong = pattern_check(seg->mem, seg->size,
				      seed_of(seg, round));
		printf("   %-22s %3zu MiB: %zu wrong words\n", seg->title,
		       seg->size / MIB, wrong);
		bad += wrong;
	}
	return bad;
}

static void fill(int round)
{
	struct segment *seg;

	for_each_segment(seg)
		pattern_fill(seg->mem, seg->size, seed_of(seg, round));
}

static void destroy(void)
{
	struct segment *seg;

	for_each_segment(seg) {
		if (seg->sysv) {
			shmdt(seg->mem);
			shmctl(seg->id, IPC_RMID, NULL);
		} else {
			munmap(seg->mem, seg->size);
			close(seg->fd);
		}
	}
}

int main(void)
{
	unsigned long swapped = 0, before;
	int there[2], back[2], status;
	long out = vmstat("pswpout"), in = vmstat("pswpin"), shmem, pool;
	struct cgroup cg = { };
	struct segment *seg;
	pid_t pid;
	char c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("anon_object: one kernel API for swap-backed memory\n"
	       "Every segment below is an object of it: what SysV shm, memfd and\n"
	       "hugetlbfs had each for themselves is created, swapped, counted\n"
	       "and listed in one place. So is the framebuffer of the console.\n");
	if (!kernel_is_ported()) {
		printf("There is no %s: this kernel has no anon_object.\n",
		       ANON_OBJECTS);
		return 1;
	}
	if (cgroup_enter(&cg, "demo") || pipe(there) || pipe(back)) {
		perror("demo");
		return 1;
	}
	/* Small pages, so that the table shows what the titles say. */
	write_file(SHMEM_ENABLED, "never");
	pool = huge_pool_get(2 * HUGE_PAGES);
	shmem = meminfo("Shmem");

	step(1, "Create a segment of each kind");
	create();
	fill(1);

	step(2, "A second process attaches them, checks and changes all of it");
	pid = fork();
	if (!pid)
		second_process(there[0], back[1], true);
	hold(read(back[0], &c, 1) == 1, "the second process has written");
	hold(!bad_words(2), "the first process sees what it wrote");

	step(3, "Memory runs short: the kernel swaps (huge pages never do)");
	press(&cg);
	swapped = show_table();
	hold(swapped > SMALL, "the table shows memory in swap: %lu MiB",
	     swapped / MIB);
	for_each_segment(seg)
		hold(seg->consistent, "resident + swapped = size for %s",
		     seg->object);
	hold(framebuffer.size && framebuffer.pinned == framebuffer.size,
	     "the console's framebuffer is pinned, and stays: %lu kB",
	     framebuffer.pinned);
	before = vmstat("pswpout") - out;
	hold(before > SMALL / sysconf(_SC_PAGESIZE),
	     "pages written to the swap disk: %lu", before);

	step(4, "Everything is read back, verified, and written again");
	hold(!bad_words(2), "not one byte was lost");
	hold(vmstat("pswpin") > in, "pages read from the swap disk: %ld",
	     vmstat("pswpin") - in);
	fill(3);

	step(5, "Once more, while the second process reads");
	press(&cg);
	swapped = show_table();
	hold(swapped > SMALL, "the table shows memory in swap: %lu MiB",
	     swapped / MIB);
	hold(write(there[1], "1", 1) == 1 && waitpid(pid, &status, 0) == pid &&
	     !status, "the second process found every byte");
	hold(!bad_words(3), "and so did the first");

	step(6, "All of it is removed");
	destroy();
	hold(meminfo_settles("Shmem", shmem, 2048), "its memory is free again");
	show_table();
	for_each_segment(seg)
		hold(!seg->listed, "no object %s is left", seg->object);
	huge_pool_put(pool);
	cgroup_leave(&cg);

	printf("\nSummary: %zu MiB in %zu segments and 2 processes, "
	       "%ld MiB to swap, %ld MiB back: ",
	       2 * (SMALL + HUGE_PAGES * huge_page_size()) / MIB, NR_SEGMENTS,
	       (vmstat("pswpout") - out) * sysconf(_SC_PAGESIZE) / (long)MIB,
	       (vmstat("pswpin") - in) * sysconf(_SC_PAGESIZE) / (long)MIB);
	if (failures)
		printf("%u things did NOT hold.\n", failures);
	else
		printf("all of it held.\n");
	return failures ? 1 : 0;
}
