// SPDX-License-Identifier: GPL-2.0
/*
 * What of the benchmark is user space's: SysV shared memory, an object made of
 * a memfd and a udmabuf, and what is only done when the module has returned to
 * user space: freeing.  Prints "BENCH case unit value".
 *
 * usage: programs [PATTERN]
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

static void command(const char *word)
{
	int fd = open(BENCH_DEVICE, O_WRONLY);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		fail(word);
	close(fd);
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

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(path);
	close(fd);
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
	int device = open(BENCH_DEVICE, O_WRONLY), fd;

	if (device < 0)
		fail(BENCH_DEVICE);
	fd = ioctl(device, BENCH_VIEW, size);
	if (fd < 0 && errno == EOPNOTSUPP) {
		fd = memfd_create("bench", MFD_CLOEXEC);
		if (fd >= 0 && ftruncate(fd, size))
			fail("ftruncate");
	}
	if (fd < 0)
		fail("view");
	close(device);
	return fd;
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

static void udmabuf_round(char *buf)
{
	uint64_t begin = now();
	char *mem;
	int memfd, fd;

	memfd = memfd_create("bench", MFD_ALLOW_SEALING);
	if (memfd < 0 || ftruncate(memfd, DESIGN) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fail("memfd");
	if (pwrite(memfd, buf, DESIGN, 0) != DESIGN)
		fail("pwrite");
	fd = dmabuf_of(memfd);
	mem = mmap(NULL, DESIGN, PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	memcpy(buf, mem, DESIGN);
	munmap(mem, DESIGN);
	close(fd);
	close(memfd);
	report("design/udmabuf", "a_page", now() - begin, DESIGN / PAGE);
}

int main(int argc, char **argv)
{
	char *buf;
	int i;

	if (argc > 1)
		pattern = argv[1];
	buf = malloc(DESIGN);
	memset(buf, 1, DESIGN);
	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, PAGE, 0, SYSV_NAMES("sysv"));
	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, 2 * MIB, SHM_HUGETLB,
			   SYSV_NAMES("sysv-hugetlb"));
	if (wanted("design/udmabuf"))
		for (i = 0; i < ROUNDS; i++)
			udmabuf_round(buf);
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
