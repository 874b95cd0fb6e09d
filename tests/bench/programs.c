// SPDX-License-Identifier: GPL-2.0
/*
 * What of the benchmark is user space's: SysV shared memory, an object made of
 * a memfd and a udmabuf, faults, and what is only done when the module has
 * returned to user space: freeing.  Prints "BENCH case unit value".
 *
 * usage: programs PATTERN [SWAP]
 *
 * With SWAP just those that have to do with swap, which are called so: swap-disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

#include "command.h"

#define ROUNDS 7
#define PAGE 4096UL
#define MIB (1UL << 20)

static const char *pattern = "*";

static int wanted(const char *name)
{
	return !fnmatch(pattern, name, 0);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void report(const char *name, const char *unit, uint64_t spent,
		   uint64_t count)
{
	if (wanted(name))
		printf("BENCH %s %s %.3f\n", name, unit,
		       (double)spent / count);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void touch(char *mem, size_t size, size_t step, int write)
{
	volatile char *p = mem;
	size_t i;

	for (i = 0; i < size; i += step) {
		if (write)
			p[i] = 1;
		else
			(void)p[i];
	}
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		fprintf(stderr, "%s: ", value);
		fail(path);
	}
	close(fd);
}

static void command(const char *word)
{
	set(BENCH_DEVICE, word);
}

static void command_for(const char *word, const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "%s %s", word, name);
	command(line);
}

/* Ask the module; what fails is for the caller to say */
static int ask(unsigned int request, unsigned long arg)
{
	int device = open(BENCH_DEVICE, O_WRONLY), ret, err;

	if (device < 0)
		fail(BENCH_DEVICE);
	ret = ioctl(device, request, arg);
	err = errno;
	close(device);
	errno = err;
	return ret;
}

#define CREATED 500

static void gem_round(void)
{
	uint64_t begin = now();

	command("create");
	report("gem/create-free", "an_object", now() - begin, CREATED);
}

/* What the kernel has allocated for itself, in bytes */
static long kernel_memory(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb, sum = 0;

	if (!f)
		fail("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld", &kb) == 1 ||
		    sscanf(line, "PageTables: %ld", &kb) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &kb) == 1)
			sum += kb << 10;
	fclose(f);
	return sum;
}

#define MANY 10000
#define DESIGN (4 * MIB)

static void gem_memory(void)
{
	long before = kernel_memory();

	command("many");
	report("gem/memory", "bytes", kernel_memory() - before, MANY);
	command("none");
	sleep(1);
}

static void segment_memory(void)
{
	static int ids[MANY];
	long before;
	int i;

	set("/proc/sys/kernel/shmmni", "20000");
	before = kernel_memory();
	for (i = 0; i < MANY; i++) {
		ids[i] = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
		if (ids[i] < 0)
			fail("shmget");
	}
	report("sysv/segment-memory", "bytes", kernel_memory() - before, MANY);
	for (i = 0; i < MANY; i++)
		shmctl(ids[i], IPC_RMID, NULL);
	sleep(1);
}

static void attach_memory(void)
{
	static void *mem[MANY];
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	long before = kernel_memory();
	int i;

	for (i = 0; i < MANY; i++) {
		mem[i] = shmat(id, NULL, 0);
		if (mem[i] == (void *)-1)
			fail("shmat");
	}
	report("sysv/attach-memory", "bytes", kernel_memory() - before, MANY);
	shmctl(id, IPC_RMID, NULL);
	for (i = 0; i < MANY; i++)
		shmdt(mem[i]);
	sleep(1);
}

/* A view, or where there is none the memfd that people have in its place */
static int view_open(size_t size)
{
	int fd = ask(BENCH_VIEW, size);

	if (fd < 0 && errno == EOPNOTSUPP) {
		fd = memfd_create("bench", MFD_CLOEXEC);
		if (fd >= 0 && ftruncate(fd, size))
			fail("ftruncate");
	}
	if (fd < 0)
		fail("view");
	return fd;
}

static int have_views(void)
{
	int fd = ask(BENCH_VIEW, PAGE);

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

static void io_round(char *buf, size_t len, const char *reads,
		     const char *writes)
{
	size_t pos;
	uint64_t begin;
	int fd;

	if (!wanted(reads) && !wanted(writes))
		return;
	fd = view_open(DESIGN);
	if (pwrite(fd, buf, DESIGN, 0) != DESIGN)
		fail(writes);
	begin = now();
	for (pos = 0; pos < DESIGN; pos += len)
		if (pwrite(fd, buf, len, pos) != (ssize_t)len)
			fail(writes);
	report(writes, "each", now() - begin, DESIGN / len);
	begin = now();
	for (pos = 0; pos < DESIGN; pos += len)
		if (pread(fd, buf, len, pos) != (ssize_t)len)
			fail(reads);
	report(reads, "each", now() - begin, DESIGN / len);
	close(fd);
}

struct sysv_names {
	const char *get, *attach, *life, *write, *rewrite, *read, *faults;
};

/* A segment's life: made, attached, filled, and attached again to be read */
static void sysv_round(size_t size, size_t step, int flags,
		       const struct sysv_names *names)
{
	const int n = 64;
	uint64_t begin, got = 0, attached = 0;
	char *mem, *again;
	long before;
	int i, id;

	if (!wanted(names->get) && !wanted(names->attach) &&
	    !wanted(names->life) && !wanted(names->rewrite) &&
	    !wanted(names->write) && !wanted(names->read) &&
	    !wanted(names->faults))
		return;
	for (i = 0; i < n; i++) {
		begin = now();
		id = shmget(IPC_PRIVATE, size, IPC_CREAT | flags | 0600);
		got += now() - begin;
		if (id < 0)
			fail(names->get);
		begin = now();
		mem = shmat(id, NULL, 0);
		attached += now() - begin;
		if (mem == (void *)-1)
			fail(names->attach);
		shmdt(mem);
		shmctl(id, IPC_RMID, NULL);
	}
	report(names->get, "each", got, n);
	report(names->attach, "each", attached, n);
	begin = now();
	for (i = 0; i < n; i++) {
		id = shmget(IPC_PRIVATE, step, IPC_CREAT | flags | 0600);
		mem = shmat(id, NULL, 0);
		if (mem == (void *)-1)
			fail(names->life);
		shmdt(mem);
		shmctl(id, IPC_RMID, NULL);
	}
	report(names->life, "each", now() - begin, n);

	id = shmget(IPC_PRIVATE, size, IPC_CREAT | flags | 0600);
	mem = shmat(id, NULL, 0);
	if (mem == (void *)-1)
		fail(names->write);
	shmctl(id, IPC_RMID, NULL);
	begin = now();
	touch(mem, size, step, 1);
	report(names->write, "a_page", now() - begin, size / step);

	again = shmat(id, NULL, 0);
	if (again == (void *)-1)
		fail(names->read);
	before = faults();
	begin = now();
	touch(again, size, step, 0);
	report(names->read, "a_page", now() - begin, size / step);
	report(names->faults, "faults", faults() - before, 1);
	shmdt(again);

	again = shmat(id, NULL, 0);
	if (again == (void *)-1)
		fail(names->rewrite);
	begin = now();
	touch(again, size, step, 1);
	report(names->rewrite, "a_page", now() - begin, size / step);
	shmdt(again);
	shmdt(mem);
}

#define SYSV_NAMES(kind) (&(const struct sysv_names) {	\
	.get = kind "/shmget", .attach = kind "/shmat",	\
	.life = kind "/life", .rewrite = kind "/write-again",	\
	.write = kind "/first-write", .read = kind "/read-again",	\
	.faults = kind "/read-again-faults" })

/* What a device driver would be handed */
static int dmabuf_of(int memfd)
{
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = DESIGN,
	};
	int device, fd;

	device = open("/dev/udmabuf", O_RDWR);
	if (device < 0)
		fail("/dev/udmabuf");
	fd = ioctl(device, UDMABUF_CREATE, &create);
	close(device);
	if (fd < 0)
		fail("UDMABUF_CREATE");
	return fd;
}

static void *map(int fd, size_t size, int prot)
{
	void *mem = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		fail("mmap");
	return mem;
}

static void udmabuf_round(char *buf)
{
	uint64_t begin = now();
	int memfd, fd;
	char *mem;

	memfd = memfd_create("bench", MFD_ALLOW_SEALING);
	if (memfd < 0 || ftruncate(memfd, DESIGN) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fail("memfd");
	mem = map(memfd, DESIGN, PROT_READ | PROT_WRITE);
	bench_copy(mem, buf, DESIGN);
	munmap(mem, DESIGN);
	fd = dmabuf_of(memfd);
	mem = map(fd, DESIGN, PROT_READ);
	bench_copy(buf, mem, DESIGN);
	munmap(mem, DESIGN);
	close(fd);
	close(memfd);
	report("design/udmabuf", "a_page", now() - begin, DESIGN / PAGE);
}

/* A way that is the module's, and freed on its way back here */
static void design_rounds(const char *way)
{
	char name[40];
	uint64_t begin;
	int i;

	snprintf(name, sizeof(name), "design/%s", way);
	for (i = 0; i < ROUNDS && wanted(name); i++) {
		begin = now();
		command_for("design", way);
		report(name, "a_page", now() - begin, DESIGN / PAGE);
	}
}

static void designs(char *buf)
{
	int i;

	for (i = 0; i < ROUNDS && wanted("design/udmabuf"); i++)
		udmabuf_round(buf);
	design_rounds("vfs");
	design_rounds("shmem");
	if (have_views())
		design_rounds("anon-object");
	if (wanted("design/copy"))
		command("design copy");
	if (wanted("design/copy-vfs"))
		command("design copy-vfs");
}

/* In a memory cgroup that is charged for nothing else */
static void charged(const char *word)
{
	set("/sys/fs/cgroup/bench/cgroup.procs", "0");
	command(word);
	set("/sys/fs/cgroup/cgroup.procs", "0");
}

static uint64_t work(void)
{
	uint64_t value;

	if (ask(BENCH_WORK, (unsigned long)&value))
		fail("work");
	return value;
}

/* Read all of it, having asked for it before or not */
static void back_by_fault(const char *name, int prefetch)
{
	int fd = ask(BENCH_SWAPPED_FD, 0);
	uint64_t begin;
	char *mem;

	if (fd < 0)
		fail(name);
	mem = map(fd, BENCH_SWAPPED, PROT_READ);
	begin = work();
	/* Each by the call that does it there: that of stock's files does not */
	if (prefetch && have_views())
		errno = posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	else if (prefetch)
		errno = madvise(mem, BENCH_SWAPPED, MADV_WILLNEED) ? errno : 0;
	else
		errno = 0;
	if (errno)
		fail(name);
	touch(mem, BENCH_SWAPPED, PAGE, 0);
	report(name, "a_page", work() - begin, BENCH_SWAPPED / PAGE);
	munmap(mem, BENCH_SWAPPED);
	close(fd);
}

enum { OUT, BACK, OUT_AGAIN, BACK_AGAIN, OUT_DIRECT, BACK_FAULT, BACK_PREFETCH,
       SWAP_ROWS };

static const char * const swap_rows[] = {
	"out", "back", "out-again", "back-again", "out-direct", "back-fault",
	"back-prefetch",
};

static void swap_round(const char *kind, const char *new)
{
	char name[SWAP_ROWS][40];
	int i, any = 0;

	for (i = 0; i < SWAP_ROWS; i++) {
		snprintf(name[i], sizeof(name[i]), "%s/%s", kind, swap_rows[i]);
		any |= wanted(name[i]);
	}
	if (!any)
		return;
	/* A new one, and the same once more: it may have come back in pieces */
	charged(new);
	command("spin");
	command_for("out", name[OUT]);
	command_for("back", name[BACK]);
	charged("fill");
	command_for("out", name[OUT_AGAIN]);
	command_for("back", name[BACK_AGAIN]);

	charged(new);
	if (have_views())
		command_for("out-direct", name[OUT_DIRECT]);
	else
		command("out");
	back_by_fault(name[BACK_FAULT], 0);

	charged(new);
	command("out");
	back_by_fault(name[BACK_PREFETCH], 1);
	command("rest");
	command("end");
}

/* Where half of the memory is taken in single pages */
static void frag_round(void)
{
	if (!wanted("frag/first-pin/1M") && !wanted("frag/first-pin/64M") &&
	    !wanted("frag/swap-back"))
		return;
	charged("new large");
	command("spin");
	command("out");
	command("rest");
	/* Nobody is to mend it on the side, or to be measured while trying */
	set("/proc/sys/vm/compaction_proactiveness", "0");
	/* Twice, for what others free meanwhile */
	set("/proc/sys/vm/drop_caches", "3");
	command("fragment");
	sleep(1);
	command("fragment");
	command("frag-pins");
	command("spin");
	command("back frag/swap-back");
	command("rest");
	command("mend");
	command("end");
}

static void swap_rounds(const char *kind)
{
	char small[40];
	int i;

	snprintf(small, sizeof(small), "%s-small", kind);
	for (i = 0; i < ROUNDS; i++) {
		swap_round(kind, "new large");
		swap_round(small, "new small");
		if (!strcmp(kind, "swap-zram"))
			frag_round();
	}
}

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

static void sysv_rounds(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, PAGE, 0, SYSV_NAMES("sysv"));
	set(SHMEM_ENABLED, "within_size");
	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, PAGE, 0, SYSV_NAMES("sysv-huge"));
	set(SHMEM_ENABLED, "never");
	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, 2 * MIB, SHM_HUGETLB,
			   SYSV_NAMES("sysv-hugetlb"));
}

int main(int argc, char **argv)
{
	char *buf;
	int i;

	if (argc > 1)
		pattern = argv[1];
	if (argc > 2) {
		swap_rounds(argv[2]);
		return 0;
	}
	sysv_rounds();
	buf = malloc(DESIGN);
	memset(buf, 1, DESIGN);
	designs(buf);
	for (i = 0; i < ROUNDS; i++) {
		io_round(buf, PAGE, "view/pread/4K", "view/pwrite/4K");
		io_round(buf, MIB, "view/pread/1M", "view/pwrite/1M");
	}
	free(buf);
	for (i = 0; i < ROUNDS && wanted("gem/create-free"); i++)
		gem_round();
	for (i = 0; i < ROUNDS && wanted("gem/memory"); i++)
		gem_memory();
	for (i = 0; i < ROUNDS && wanted("sysv/segment-memory"); i++)
		segment_memory();
	for (i = 0; i < ROUNDS && wanted("sysv/attach-memory"); i++)
		attach_memory();
	return 0;
}
