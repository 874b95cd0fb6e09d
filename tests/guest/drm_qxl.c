// SPDX-License-Identifier: GPL-2.0
/*
 * TTM, under a real driver: buffers leave the device's memory when that is
 * full, then the system's, for a file in memory, when there are more than
 * ttm.pages_limit, and that is what goes to swap.  Nothing shrinks what TTM
 * itself has of qxl's when memory is short.
 *
 * For a guest with --qxl, whose device has little memory.  All of it is so on a
 * stock kernel too.
 */
#include "harness.h"

#include <drm/qxl_drm.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/swap.h>

#include "drm_guest.h"
#include "fail.h"

#define DRI		"/sys/kernel/debug/dri"
#define PAGES_LIMIT	"/sys/module/ttm/parameters/pages_limit"
#define TT_SHRINK	"/sys/kernel/debug/ttm/tt_shrink"
#define VRAM		"qxl_mem_mm"
#define SURFACES	"qxl_surf_mm"

#define RW		(PROT_READ | PROT_WRITE)
#define KB		1024L
#define SIZE		(1024 * KB)
#define LIMIT		(4 * SIZE)
#define NO_LIMIT	(1024 * SIZE)
#define EXTRA		12	/* buffers that the device has no room for */
#define MOST		64

/* What others do meanwhile, in kB */
#define NOISE		512L

#define EXPECT_NEAR(want, seen, noise) do {			\
	long __want = (want), __value = (seen);			\
								\
	EXPECT_LE(__want - (noise), __value);			\
	EXPECT_GE(__want + (noise), __value);			\
} while (0)

enum kind {
	IN_VRAM,
	SURFACE,	/* where surfaces are, and in VRAM when that is full */
	DUMB,		/* never on the device, unless it is shown */
};

struct buffer {
	struct drm_buf buf;
	char *mem;
	__u64 seed;
};

/* In kB */
struct counts {
	long gpu;	/* pages that TTM has */
	long stored;	/* pages of files in memory, there or in swap */
	long committed;
	int objects;
};

/* The processors' own counts have been added to what the file says. */
static long refreshed(const char *key)
{
	char none[8];

	read_file("/proc/sys/vm/stat_refresh", none, sizeof(none));
	return meminfo(key);
}

static long swap_used(void)
{
	return meminfo("SwapTotal") - meminfo("SwapFree");
}

static long stored(void)
{
	return refreshed("Shmem") + swap_used();
}

static void take_counts(struct counts *counts)
{
	counts->gpu = refreshed("GPUActive");
	counts->stored = stored();
	counts->committed = meminfo("Committed_AS");
	counts->objects = count_lines(ANON_OBJECTS);
}

/* What is freed later has ten seconds for it. */
static bool comes_back_to(const struct counts *before)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	const time_t until = time(NULL) + 10;
	struct counts now;

	do {
		take_counts(&now);
		if (now.gpu <= before->gpu &&
		    now.stored <= before->stored + NOISE &&
		    now.committed <= before->committed + NOISE &&
		    now.objects <= before->objects)
			return true;
		nanosleep(&tick, NULL);
	} while (time(NULL) < until);
	printf("# left: %ld kB of TTM's, %ld stored, %ld committed, %d objects\n",
	       now.gpu - before->gpu, now.stored - before->stored,
	       now.committed - before->committed,
	       now.objects - before->objects);
	return false;
}

/* A value of one of the device's kinds of memory, -1 if it has none such. */
static long device_value(const char *memory, const char *key)
{
	char path[96], text[256], *found;
	int i;

	for (i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), DRI "/%d/%s", i, memory);
		if (read_file(path, text, sizeof(text)))
			continue;
		found = strstr(text, key);
		return found ? atol(found + strlen(key)) : -1;
	}
	return -1;
}

/* How many more buffers there is room for on the device */
static int room_in(const char *memory)
{
	long size = device_value(memory, " size:") * PAGE;

	return (size - device_value(memory, " usage:")) / SIZE;
}

static int room_for(enum kind kind)
{
	switch (kind) {
	case IN_VRAM:
		return room_in(VRAM);
	case SURFACE:
		return room_in(VRAM) + room_in(SURFACES);
	default:
		return 0;
	}
}

static int limit(size_t bytes)
{
	return write_file(PAGES_LIMIT, "%lu", bytes / PAGE);
}

/* All that can go; in kB. */
static long shrink_all(void)
{
	long pages, sum = 0;

	do {
		pages = read_long(TT_SHRINK);
		if (pages < 0)
			return -1;
		sum += pages;
	} while (pages);
	return sum * (long)PAGE / KB;
}

static int alloc_in_vram(int dev, size_t size, __u32 *handle)
{
	struct drm_qxl_alloc alloc = { .size = size };

	if (ioctl(dev, DRM_IOCTL_QXL_ALLOC, &alloc))
		return -errno;
	*handle = alloc.handle;
	return 0;
}

/* With a row to spare, as the driver has it */
static int alloc_surface(int dev, size_t size, __u32 *handle)
{
	struct drm_qxl_alloc_surf surface = {
		.format = 32,	/* xRGB */
		.width = PAGE / 4,
		.height = size / PAGE - 1,
		.stride = PAGE,
	};

	if (ioctl(dev, DRM_IOCTL_QXL_ALLOC_SURF, &surface))
		return -errno;
	*handle = surface.handle;
	return 0;
}

static int create(int dev, enum kind kind, size_t size, struct drm_buf *buf)
{
	buf->dev = dev;
	buf->size = size;
	switch (kind) {
	case IN_VRAM:
		return alloc_in_vram(dev, size, &buf->handle);
	case SURFACE:
		return alloc_surface(dev, size, &buf->handle);
	default:
		return drm_dumb(dev, size, buf);
	}
}

static void *map(const struct drm_buf *buf)
{
	struct drm_qxl_map args = { .handle = buf->handle };

	if (ioctl(buf->dev, DRM_IOCTL_QXL_MAP, &args))
		return MAP_FAILED;
	return mmap(NULL, buf->size, RW, MAP_SHARED, buf->dev, args.offset);
}

/* The device writes to a surface what it has drawn there, which is nothing. */
static int update(const struct buffer *surface)
{
	struct drm_qxl_update_area area = {
		.handle = surface->buf.handle,
		.right = PAGE / 4,
		.bottom = surface->buf.size / PAGE - 1,
	};

	return ioctl(surface->buf.dev, DRM_IOCTL_QXL_UPDATE_AREA, &area) ?
	       -errno : 0;
}

static int make(int dev, enum kind kind, size_t size, struct buffer *buffer)
{
	int err = create(dev, kind, size, &buffer->buf);

	if (err)
		return err;
	buffer->mem = map(&buffer->buf);
	if (buffer->mem != MAP_FAILED)
		return 0;
	err = -errno;
	drm_free(&buffer->buf);
	buffer->mem = NULL;
	return err;
}

static void fill(struct buffer *buffer, __u64 seed)
{
	buffer->seed = seed;
	pattern_fill(buffer->mem, buffer->buf.size, seed);
}

static size_t verify(const struct buffer *buffer)
{
	return pattern_check(buffer->mem, buffer->buf.size, buffer->seed);
}

static void drop(struct buffer *buffer)
{
	if (!buffer->mem)
		return;
	munmap(buffer->mem, buffer->buf.size);
	drm_free(&buffer->buf);
	buffer->mem = NULL;
}

static void drop_all(struct buffer *buffers, int nr)
{
	while (nr--)
		drop(&buffers[nr]);
}

static int make_all(int dev, enum kind kind, struct buffer *buffers, int nr)
{
	int i, err;

	for (i = 0; i < nr; i++) {
		err = make(dev, kind, SIZE, &buffers[i]);
		if (err)
			return err;
		fill(&buffers[i], i + 1);
	}
	return 0;
}

/* The count of buffers that are not what they were. */
static int verify_all(const struct buffer *buffers, int nr)
{
	int i, bad = 0;

	for (i = 0; i < nr; i++)
		bad += !!verify(&buffers[i]);
	return bad;
}

/* With other contents than before. */
static void fill_all(struct buffer *buffers, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		fill(&buffers[i], buffers[i].seed + 1000);
}

/* --- out of the device's memory, and out of TTM's ------------------------- */

FIXTURE(kinds)
{
	struct counts before, now;
	struct buffer buffers[MOST];
	long outside;		/* for which the device has no room; in kB */
	char old[32];
	int nr;
	int dev;
};

FIXTURE_VARIANT(kinds)
{
	enum kind kind;
	const char *policy;	/* on huge pages of files, or NULL */
};

FIXTURE_VARIANT_ADD(kinds, vram)
{
	.kind = IN_VRAM,
};

FIXTURE_VARIANT_ADD(kinds, surface)
{
	.kind = SURFACE,
};

FIXTURE_VARIANT_ADD(kinds, dumb)
{
	.kind = DUMB,
};

FIXTURE_VARIANT_ADD(kinds, dumb_in_huge_pages)
{
	.kind = DUMB,
	.policy = "force",
};

FIXTURE_SETUP(kinds)
{
	int room;

	kernel_is_ported();
	self->dev = -1;
	self->old[0] = '\0';
	if (variant->policy && !thp_size())
		SKIP(return, "no huge pages for shmem in this kernel");
	if (variant->policy) {
		ASSERT_EQ(0, choice_read(SHMEM_ENABLED, self->old,
					 sizeof(self->old)));
		ASSERT_EQ(0, write_file(SHMEM_ENABLED, "%s", variant->policy));
	}
	self->dev = drm_open(QXL);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, limit(NO_LIMIT));
	room = room_for(variant->kind);
	self->nr = room + EXTRA;
	ASSERT_LE(self->nr, MOST);
	self->outside = (self->nr - room) * SIZE / KB;
	take_counts(&self->before);
}

FIXTURE_TEARDOWN(kinds)
{
	drop_all(self->buffers, MOST);
	limit(NO_LIMIT);
	close(self->dev);
	if (self->old[0])
		write_file(SHMEM_ENABLED, "%s", self->old);
}

/* What has no room on the device is in memory, and stays there. */
TEST_F(kinds, evicted)
{
	ASSERT_EQ(0, make_all(self->dev, variant->kind, self->buffers,
			      self->nr));
	take_counts(&self->now);
	TH_LOG("%d buffers, %ld kB outside of the device", self->nr,
	       self->now.gpu - self->before.gpu);
	EXPECT_LE(self->before.gpu + self->outside, self->now.gpu);
	/* A buffer needs as much in one piece, and others are in the way */
	EXPECT_GE(self->before.gpu + self->outside + 3 * SIZE / KB,
		  self->now.gpu);
	EXPECT_GE(self->before.stored + NOISE, self->now.stored);
	EXPECT_EQ(0, verify_all(self->buffers, self->nr));
	fill_all(self->buffers, self->nr);
	EXPECT_EQ(0, verify_all(self->buffers, self->nr));
	drop_all(self->buffers, self->nr);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* Twice: what was stored the first time is not what comes back the second. */
TEST_F(kinds, over_pages_limit)
{
	long least = self->outside - LIMIT / KB;
	int round;

	ASSERT_EQ(0, limit(LIMIT));
	ASSERT_EQ(0, make_all(self->dev, variant->kind, self->buffers,
			      self->nr));
	for (round = 0; round < 2; round++) {
		take_counts(&self->now);
		TH_LOG("%ld kB in TTM's pages, %ld kB stored",
		       self->now.gpu - self->before.gpu,
		       self->now.stored - self->before.stored);
		EXPECT_GE(self->before.gpu + LIMIT / KB, self->now.gpu);
		EXPECT_LE(self->before.stored + least - NOISE,
			  self->now.stored);
		EXPECT_EQ(0, verify_all(self->buffers, self->nr));
		fill_all(self->buffers, self->nr);
	}
	EXPECT_EQ(0, verify_all(self->buffers, self->nr));
	drop_all(self->buffers, self->nr);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* --- from there to swap --------------------------------------------------- */

#define BUFFERS		12
#define ALL		(BUFFERS * SIZE / KB)

FIXTURE(memory)
{
	struct counts before;
	struct buffer buffers[BUFFERS];
	struct cgroup cg;
	long swapped, shmem;
	int dev;
};

FIXTURE_SETUP(memory)
{
	kernel_is_ported();
	self->dev = drm_open(QXL);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, limit(NO_LIMIT));
	ASSERT_LE(4 * ALL, meminfo("SwapFree"));
	/* It pays for the files' pages */
	ASSERT_EQ(0, cgroup_enter(&self->cg, "drm_qxl"));
	take_counts(&self->before);
	self->shmem = meminfo("Shmem");
	self->swapped = swap_used();
}

FIXTURE_TEARDOWN(memory)
{
	drop_all(self->buffers, BUFFERS);
	limit(NO_LIMIT);
	cgroup_leave(&self->cg);
	close(self->dev);
}

/* Full buffers, all of which TTM has stored. */
static bool store_buffers(FIXTURE_DATA(memory) *self)
{
	long shrunk;

	if (make_all(self->dev, DUMB, self->buffers, BUFFERS))
		return false;
	shrunk = shrink_all();
	if (shrunk != ALL || refreshed("GPUActive") != self->before.gpu ||
	    labs(stored() - self->before.stored - ALL) > NOISE) {
		printf("# %ld kB of %ld shrunk, %ld kB left, %ld stored\n",
		       shrunk, ALL, refreshed("GPUActive") - self->before.gpu,
		       stored() - self->before.stored);
		return false;
	}
	return true;
}

static bool reclaim_all(FIXTURE_DATA(memory) *self)
{
	int tries;

	for (tries = 0; tries < 50; tries++) {
		if (refreshed("Shmem") <= self->shmem + NOISE)
			return true;
		cgroup_reclaim(&self->cg, ALL * KB);
	}
	return false;
}

TEST_F(memory, reclaimed)
{
	long out = vmstat("pswpout"), in = vmstat("pswpin");

	ASSERT_TRUE(store_buffers(self));
	EXPECT_GE(self->swapped + NOISE, swap_used());
	EXPECT_TRUE(reclaim_all(self));
	TH_LOG("%ld kB more in swap, %ld kB written",
	       swap_used() - self->swapped,
	       (vmstat("pswpout") - out) * (long)PAGE / KB);
	EXPECT_LE(self->swapped + ALL - NOISE, swap_used());
	EXPECT_LE(out + (ALL - NOISE) * KB / (long)PAGE, vmstat("pswpout"));
	EXPECT_EQ(0, verify_all(self->buffers, BUFFERS));
	EXPECT_LE(in + (ALL - NOISE) * KB / (long)PAGE, vmstat("pswpin"));
	/* Nothing is both here and there */
	EXPECT_LE(self->before.gpu + ALL, refreshed("GPUActive"));
	EXPECT_GE(self->before.stored + NOISE, stored());
	drop_all(self->buffers, BUFFERS);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* To swap while TTM stores it, for the group may have no more. */
TEST_F(memory, over_cgroup_limit)
{
	char path[160];

	ASSERT_EQ(0, limit(LIMIT));
	snprintf(path, sizeof(path), "%s/memory.max", self->cg.path);
	ASSERT_EQ(0, write_file(path, "%ld", LIMIT));
	ASSERT_EQ(0, make_all(self->dev, DUMB, self->buffers, BUFFERS));
	TH_LOG("%ld kB more in swap", swap_used() - self->swapped);
	EXPECT_LE(self->swapped + ALL - 2 * LIMIT / KB - NOISE, swap_used());
	EXPECT_GE(self->before.gpu + LIMIT / KB, refreshed("GPUActive"));
	EXPECT_EQ(0, verify_all(self->buffers, BUFFERS));
	fill_all(self->buffers, BUFFERS);
	EXPECT_EQ(0, verify_all(self->buffers, BUFFERS));
	EXPECT_EQ(0, cgroup_read(&self->cg, "memory.events", "oom"));
	drop_all(self->buffers, BUFFERS);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* Wants all of this again and again. */
static void hog(size_t size)
{
	char *mem = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i = 0;

	while (mem != MAP_FAILED) {
		__atomic_fetch_add(mem + i, 1, __ATOMIC_RELAXED);
		i = (i + PAGE) % size;
	}
}

/* Another process of the group wants more than the group may have. */
TEST_F(memory, under_pressure)
{
	long out = vmstat("pswpout");
	char path[160];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/memory.max", self->cg.path);
	ASSERT_TRUE(store_buffers(self));
	ASSERT_EQ(0, write_file(path, "%ld", 2 * ALL * KB));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hog(3 * ALL * KB);
		_exit(1);
	}
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + NOISE))
		TH_LOG("%ld kB still in memory",
		       refreshed("Shmem") - self->shmem);
	EXPECT_LE(out + (ALL - NOISE) * KB / (long)PAGE, vmstat("pswpout"));
	/* A few at a time come back, and for that others go again */
	EXPECT_EQ(0, limit(LIMIT));
	EXPECT_EQ(0, verify_all(self->buffers, BUFFERS));
	fill_all(self->buffers, BUFFERS);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(0, verify_all(self->buffers, BUFFERS));
	drop_all(self->buffers, BUFFERS);
	EXPECT_TRUE(comes_back_to(&self->before));
}

TEST_F(memory, swapoff)
{
	char text[512], device[64];

	ASSERT_EQ(0, read_file("/proc/swaps", text, sizeof(text)));
	ASSERT_EQ(1, sscanf(text, "%*[^\n] %63s", device));
	ASSERT_TRUE(store_buffers(self));
	EXPECT_TRUE(reclaim_all(self));
	EXPECT_EQ(0, swapoff(device));
	EXPECT_LE(self->shmem + ALL - NOISE, refreshed("Shmem"));
	EXPECT_EQ(0, swapon(device, 0));
	EXPECT_EQ(0, verify_all(self->buffers, BUFFERS));
}

/* Some from memory and some from swap, and the others are as they were. */
TEST_F(memory, closed_while_stored)
{
	const long half = ALL / 2;
	int i;

	ASSERT_TRUE(store_buffers(self));
	ASSERT_TRUE(reclaim_all(self));
	for (i = 0; i < BUFFERS; i += 2)
		EXPECT_EQ(0, verify(&self->buffers[i]));
	EXPECT_EQ(half, shrink_all());
	EXPECT_NEAR(self->shmem + half, refreshed("Shmem"), NOISE);
	EXPECT_NEAR(self->swapped + half, swap_used(), NOISE);

	drop_all(self->buffers, BUFFERS / 2);
	EXPECT_NEAR(self->shmem + half / 2, refreshed("Shmem"), NOISE);
	EXPECT_NEAR(self->swapped + half / 2, swap_used(), NOISE);
	EXPECT_EQ(0, verify_all(self->buffers + BUFFERS / 2, BUFFERS / 2));
	EXPECT_EQ(half, shrink_all());
	EXPECT_EQ(0, verify_all(self->buffers + BUFFERS / 2, BUFFERS / 2));
	EXPECT_EQ(half, shrink_all());
	drop_all(self->buffers, BUFFERS);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* The driver needs it on the device, where nobody looks at TTM's pages. */
TEST_F(memory, updated)
{
	const int room = room_for(SURFACE), nr = room + BUFFERS / 2;
	struct buffer buffers[MOST] = {};
	struct counts now;
	long shrunk;
	int i;

	/* The first have left the device for the last */
	ASSERT_GE(MOST, nr);
	ASSERT_EQ(0, make_all(self->dev, SURFACE, buffers, nr));
	shrunk = shrink_all();
	ASSERT_LE((nr - room) * SIZE / KB, shrunk);
	for (i = 0; i < nr - room; i++) {
		take_counts(&now);
		ASSERT_EQ(0, update(&buffers[i]));
		EXPECT_NEAR(now.stored - SIZE / KB, stored(), NOISE / 2);
		/* Another had to make room */
		EXPECT_EQ(now.gpu + SIZE / KB, refreshed("GPUActive"));
		EXPECT_EQ(0, verify(&buffers[i]));
		EXPECT_EQ(now.gpu + SIZE / KB, refreshed("GPUActive"));
	}
	EXPECT_EQ((nr - room) * SIZE / KB, shrink_all());
	EXPECT_EQ(0, verify_all(buffers, nr));
	drop_all(buffers, nr);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* --- many at once --------------------------------------------------------- */

#define PROCESSES	6
#define OWN		4
#define ROUNDS		4

static int work(int number)
{
	static const enum kind kinds[OWN] = { DUMB, IN_VRAM, DUMB, SURFACE };
	struct buffer buffers[OWN] = {};
	int dev = drm_open(QXL), round, i;

	if (dev < 0)
		return 1;
	for (i = 0; i < OWN; i++) {
		if (make(dev, kinds[i], SIZE, &buffers[i]))
			return 2;
		fill(&buffers[i], number * 100 + i);
	}
	for (round = 0; round < ROUNDS; round++) {
		if (verify_all(buffers, OWN))
			return 3;
		fill_all(buffers, OWN);
	}
	if (verify_all(buffers, OWN))
		return 4;
	/* Half of them leave it all behind */
	if (number % 2)
		drop_all(buffers, OWN);
	return 0;
}

TEST_F(memory, processes)
{
	pid_t pids[PROCESSES];
	int i, status;

	ASSERT_EQ(0, limit(LIMIT));
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(work(i));
	}
	for (i = 0; i < PROCESSES; i++) {
		/* Their files' pages go to swap all the while */
		while (!waitpid(pids[i], &status, WNOHANG))
			cgroup_reclaim(&self->cg, SIZE);
		EXPECT_TRUE(WIFEXITED(status));
		EXPECT_EQ(0, WEXITSTATUS(status));
	}
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* --- allocations that fail ------------------------------------------------ */

/* Not of one piece, for without pages for that TTM takes smaller ones */
#define SMALL	(15 * PAGE)

FIXTURE(fail)
{
	struct counts before;
	struct buffer buffer, other;
	struct cgroup cg;
	int pipe[2];
	int dev;
	int bad;
};

FIXTURE_SETUP(fail)
{
	self->dev = -1;
	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	self->dev = drm_open(QXL);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, cgroup_enter(&self->cg, "drm_qxl"));
	ASSERT_EQ(0, limit(NO_LIMIT));
	take_counts(&self->before);
}

FIXTURE_TEARDOWN(fail)
{
	if (self->dev < 0)
		return;
	drop(&self->buffer);
	drop(&self->other);
	limit(NO_LIMIT);
	cgroup_leave(&self->cg);
	close(self->dev);
}

#define SELF	FIXTURE_DATA(fail) *self = arg

/* A system call's fault has no signal, but EFAULT */
static const int fault[] = { EFAULT, ENOMEM, 0 };

/* The kernel reads a byte, for which all of the buffer has to come in. */
static int touch(void *arg)
{
	SELF;
	char byte;

	if (write(self->pipe[1], self->buffer.mem, 1) != 1)
		return -errno;
	return read(self->pipe[0], &byte, 1) == 1 ? 0 : -EIO;
}

static int make_one(void *arg)
{
	SELF;
	int err = make(self->dev, DUMB, SMALL, &self->buffer);

	if (!err)
		fill(&self->buffer, 1);
	return err;
}

static int make_stored(void *arg)
{
	int err = make_one(arg);

	if (err)
		return err;
	return shrink_all() == SMALL / KB ? 0 : -EIO;
}

static int make_swapped(void *arg)
{
	SELF;
	long used = swap_used();
	int tries, err = make_stored(arg);

	for (tries = 0; !err && tries < 50; tries++) {
		cgroup_reclaim(&self->cg, SMALL);
		if (swap_used() >= used + SMALL / KB)
			return 0;
	}
	return err ? err : -EAGAIN;
}

static void finish_one(void *arg)
{
	SELF;

	self->bad += !!verify(&self->buffer);
	drop(&self->buffer);
}

/* A failure leaves it stored, and it can still come back. */
TEST_F(fail, read_stored)
{
	const struct fail_call call = {
		.prepare = make_stored,
		.call = touch,
		.finish = finish_one,
		.errors = fault,
	};

	EXPECT_FAILS_WELL(&call, self, 4);
	EXPECT_EQ(0, self->bad);
	EXPECT_TRUE(comes_back_to(&self->before));
}

TEST_F(fail, read_swapped)
{
	const struct fail_call call = {
		.prepare = make_swapped,
		.call = touch,
		.finish = finish_one,
		.errors = fault,
	};

	EXPECT_FAILS_WELL(&call, self, SMALL / PAGE);
	EXPECT_EQ(0, self->bad);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/* Of two buffers, one of which is to be stored when the other comes. */
static int make_two(void *arg)
{
	SELF;
	int err = limit(NO_LIMIT);

	if (err)
		return err;
	err = make(self->dev, DUMB, SMALL, &self->other);
	if (err)
		return err;
	fill(&self->other, 2);
	err = make(self->dev, DUMB, SMALL, &self->buffer);
	return err ? err : limit(SMALL);
}

/* What of it has failed does not matter for the contents */
static void finish_two(void *arg)
{
	SELF;

	self->bad += !!verify(&self->other);
	fill(&self->buffer, 3);
	self->bad += !!verify(&self->other);
	finish_one(arg);
	drop(&self->other);
}

TEST_F(fail, store)
{
	const struct fail_call call = {
		.prepare = make_two,
		.call = touch,
		.finish = finish_two,
		.errors = fault,
	};

	EXPECT_FAILS_WELL(&call, self, SMALL / PAGE);
	EXPECT_EQ(0, self->bad);
	EXPECT_TRUE(comes_back_to(&self->before));
}

/*
 * The device is full, so that for each new buffer one has to leave it, and
 * another one to be stored for that.
 */
TEST_F(fail, evict_and_store)
{
	const int most = 1024;
	struct buffer *buffers = calloc(most, sizeof(*buffers));
	const long stored_two = self->before.stored + 2 * SMALL / KB;
	int nr, nth, failed = 0, err;
	bool was;

	ASSERT_NE(NULL, buffers);
	ASSERT_EQ(0, limit(2 * SMALL));
	for (nr = 0; stored() < stored_two; nr++) {
		ASSERT_GT(most / 2, nr);
		ASSERT_EQ(0, make(self->dev, IN_VRAM, SMALL, &buffers[nr]));
		fill(&buffers[nr], nr);
	}
	for (nth = 1, was = true; was && nr < most; nth++) {
		fail_begin(nth);
		err = make(self->dev, IN_VRAM, SMALL, &buffers[nr]);
		was = fail_end();
		if (!err) {
			fill(&buffers[nr], nr);
			nr++;
			continue;
		}
		failed++;
		ASSERT_TRUE(was);
		EXPECT_EQ(-ENOMEM, err)
			TH_LOG("allocation %d: error %d", nth, err);
	}
	TH_LOG("%d allocations failed, %d of them the call", nth, failed);
	EXPECT_FALSE(was);
	EXPECT_LE(SMALL / PAGE, nth);
	EXPECT_LT(0, failed);
	EXPECT_EQ(0, verify_all(buffers, nr));
	drop_all(buffers, nr);
	free(buffers);
	EXPECT_TRUE(comes_back_to(&self->before));
}

TEST_HARNESS_MAIN
