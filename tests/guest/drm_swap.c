// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers go to swap and come back. For a guest with little memory: together
 * they are several times what it has.
 */
#include "harness.h"

#include <sys/swap.h>

#include "drm_guest.h"

#define SIZE	(16 * MIB)
#define SMALL	(4 * MIB)
#define MOST	256

#define BACKING	DRM_GEM_VIEW_BACKING
#define DEVICE	DRM_GEM_VIEW_DEVICE
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(swap)
{
	struct drm_buf buf;
	int fds[MOST];
	int dev;
	int objects;
};

FIXTURE_VARIANT(swap)
{
	struct drm_kind kind;
	__u32 view;
	int times;
	bool mapped;
};

/* Filled and checked through a mapping, or by system calls alone */
FIXTURE_VARIANT_ADD(swap, vgem_cached_mapped)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = BACKING,
	.times = 3,
	.mapped = true,
};

FIXTURE_VARIANT_ADD(swap, vkms_written)
{
	.kind = { .driver = VKMS },
	.view = BACKING,
	.times = 3,
};

/* Pinned for as long as each call takes */
FIXTURE_VARIANT_ADD(swap, vgem_written)
{
	.kind = { .driver = VGEM },
	.view = DEVICE,
	.times = 2,
};

FIXTURE_SETUP(swap)
{
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->dev = drm_open(variant->kind.driver);
	ASSERT_LE(0, self->dev);
	self->objects = drm_objects();
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
}

FIXTURE_TEARDOWN(swap)
{
	if (self->dev < 0)
		return;
	close(self->dev);
	drm_reset_kind(&variant->kind);
}

/* Make a buffer and leave nothing of it but its file. */
static int new_file(int dev, size_t size, __u32 view)
{
	struct drm_buf buf;
	int fd = drm_dumb(dev, size, &buf);

	if (fd)
		return fd;
	fd = drm_view(&buf, view, DRM_GEM_VIEW_RDWR | DRM_GEM_VIEW_CLOEXEC);
	drm_free(&buf);
	return fd;
}

static bool fill(int fd, size_t size, __u64 seed, bool mapped, char *buf)
{
	char *mem;

	if (mapped) {
		mem = mmap(NULL, size, RW, MAP_SHARED, fd, 0);
		if (mem == MAP_FAILED)
			return false;
		pattern_fill(mem, size, seed);
		return !munmap(mem, size);
	}
	pattern_fill(buf, size, seed);
	return pwrite(fd, buf, size, 0) == (ssize_t)size;
}

/* The count of words that differ, or -1. */
static long verify(int fd, size_t size, __u64 seed, bool mapped, char *buf)
{
	char *mem;
	long bad;

	if (mapped) {
		mem = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (mem == MAP_FAILED)
			return -1;
		bad = pattern_check(mem, size, seed);
		munmap(mem, size);
		return bad;
	}
	memset(buf, 0, size);
	if (pread(fd, buf, size, 0) != (ssize_t)size)
		return -1;
	return pattern_check(buf, size, seed);
}

/* The table's columns of DRM's objects, in kB. */
static void table(long *resident, long *swapped, long *pinned)
{
	long page, size, r, s, p;
	char line[256];
	FILE *f;

	*resident = 0;
	*swapped = 0;
	*pinned = 0;
	f = fopen(ANON_OBJECTS, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "drm\\040", 7) ||
		    sscanf(line, "%*s %*s %ld %ld %ld %ld %ld", &page, &size,
			   &r, &s, &p) != 5)
			continue;
		*resident += r;
		*swapped += s;
		*pinned += p;
	}
	fclose(f);
}

TEST_F(swap, several_times_the_memory)
{
	long total = meminfo("MemTotal") * 1024, out = vmstat("pswpout");
	long resident, swapped, pinned, pinned_before, free_before;
	int i, nr = (variant->times * total + SIZE - 1) / SIZE;
	/* What does not fit, and some room for doubt */
	const long least = (variant->times - 1) * total - total / 4;
	char *buf = malloc(SIZE);
	long long sum = 0;

	ASSERT_NE(NULL, buf);
	if (nr > MOST)
		SKIP(return, "too much memory for this to be quick");
	free_before = meminfo("SwapFree");
	if (free_before * 1024 < (variant->times + 1) * total)
		SKIP(return, "not enough swap space");
	table(&resident, &swapped, &pinned_before);

	for (i = 0; i < nr; i++) {
		self->fds[i] = new_file(self->dev, SIZE, variant->view);
		ASSERT_LE(0, self->fds[i]);
		ASSERT_TRUE(fill(self->fds[i], SIZE, i, variant->mapped, buf))
			TH_LOG("buffer %d of %d: errno %d", i, nr, errno);
	}
	for (i = 0; i < nr; i++)
		sum += drm_fdinfo(self->fds[i], "swapped");
	table(&resident, &swapped, &pinned);
	TH_LOG("%d MB of memory, %ld MB of buffers: %lld MB in swap",
	       (int)(total >> 20), nr * (SIZE >> 20), sum >> 20);
	EXPECT_LT(least, sum);
	EXPECT_LT(least, swapped * 1024);
	EXPECT_LT(out + least / (long)PAGE, vmstat("pswpout"));
	EXPECT_GT(total, resident * 1024);
	EXPECT_EQ(pinned_before, pinned);

	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, verify(self->fds[i], SIZE, i, variant->mapped,
				    buf))
			TH_LOG("buffer %d of %d: errno %d", i, nr, errno);
		close(self->fds[i]);
	}
	free(buf);
	EXPECT_TRUE(drm_objects_settle(self->objects));
	EXPECT_TRUE(meminfo_settles("SwapFree", free_before, 16 * 1024))
		TH_LOG("SwapFree: %ld kB, now %ld", free_before,
		       meminfo("SwapFree"));
}

/* Out by madvise(), and back by what the driver does: a pin. */
TEST_F(swap, driver_brings_it_back)
{
	char *mem, *driver;
	int fd;

	stay_here();
	ASSERT_EQ(0, drm_dumb(self->dev, SMALL, &self->buf));
	fd = drm_view(&self->buf, variant->view, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, fd);
	mem = mmap(NULL, SMALL, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SMALL, 1);
	if (variant->view == DEVICE) {
		/* That mapping is a pin itself */
		EXPECT_EQ(EINVAL, ERRNO_OF(madvise(mem, SMALL, MADV_PAGEOUT)));
		EXPECT_EQ(SMALL, drm_fdinfo(fd, "resident"));
		EXPECT_EQ(0, pattern_check(mem, SMALL, 1));
		munmap(mem, SMALL);
		close(fd);
		return;
	}
	ASSERT_EQ(0, madvise(mem, SMALL, MADV_PAGEOUT));
	EXPECT_EQ(SMALL, drm_fdinfo(fd, "swapped"));
	EXPECT_EQ(0, drm_fdinfo(fd, "resident"));

	driver = drm_map(&self->buf, SMALL, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, drm_fdinfo(fd, "swapped"));
	EXPECT_EQ(SMALL, drm_fdinfo(fd, "pinned"));
	EXPECT_EQ(0, pattern_check(driver, SMALL, 1));
	EXPECT_EQ(0, pattern_check(mem, SMALL, 1));

	/* What is pinned stays, and what is written there is not lost */
	pattern_fill(driver, SMALL, 2);
	ASSERT_EQ(0, madvise(mem, SMALL, MADV_PAGEOUT));
	EXPECT_EQ(SMALL, drm_fdinfo(fd, "resident"));
	munmap(driver, SMALL);
	ASSERT_EQ(0, madvise(mem, SMALL, MADV_PAGEOUT));
	EXPECT_EQ(SMALL, drm_fdinfo(fd, "swapped"));
	EXPECT_EQ(0, pattern_check(mem, SMALL, 2));
	munmap(mem, SMALL);
	close(fd);
	ASSERT_EQ(0, drm_free(&self->buf));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

/* Nothing is lost when the swap itself is given up. */
TEST_F(swap, swapoff)
{
	char text[512], device[64], *buf = malloc(SMALL);
	struct cgroup cg;
	int fd, tries;

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, read_file("/proc/swaps", text, sizeof(text)));
	if (sscanf(text, "%*[^\n] %63s", device) != 1)
		SKIP(return, "no swap");
	ASSERT_EQ(0, cgroup_enter(&cg, "drm_swapoff"));
	fd = new_file(self->dev, SMALL, variant->view);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(fill(fd, SMALL, 3, variant->mapped, buf));
	for (tries = 0; tries < 50 && drm_fdinfo(fd, "resident"); tries++)
		cgroup_reclaim(&cg, SMALL);
	EXPECT_EQ(SMALL, drm_fdinfo(fd, "swapped"));
	ASSERT_EQ(0, swapoff(device));
	EXPECT_EQ(0, drm_fdinfo(fd, "swapped"));
	EXPECT_EQ(SMALL, drm_fdinfo(fd, "resident"));
	EXPECT_EQ(0, swapon(device, 0));
	EXPECT_EQ(0, verify(fd, SMALL, 3, variant->mapped, buf));
	close(fd);
	free(buf);
	cgroup_leave(&cg);
}

static int touch_all(void *mem)
{
	size_t i;

	for (i = 0; i < SIZE; i += PAGE)
		__atomic_store_n((char *)mem + i, 1, __ATOMIC_RELAXED);
	return 0;
}

/*
 * Who has no memory left to have is killed, as for any file in memory: a page
 * fault does not wait for ever.
 */
TEST_F(swap, killed_when_there_is_no_more)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000 * 1000 };
	int fd, tries, status = 0;
	char path[160], *mem;
	struct cgroup cg;
	pid_t pid, ended = 0;

	ASSERT_EQ(0, cgroup_enter(&cg, "drm_swap"));
	snprintf(path, sizeof(path), "%s/memory.swap.max", cg.path);
	ASSERT_EQ(0, write_file(path, "0"));
	snprintf(path, sizeof(path), "%s/memory.max", cg.path);
	ASSERT_EQ(0, write_file(path, "%lu", SIZE / 2));
	fd = new_file(self->dev, SIZE, variant->view);
	/* The group is the maker's, whom nobody is to kill */
	ASSERT_EQ(0, write_file(cg.origin, "%d", getpid()));
	ASSERT_LE(0, fd);
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
	if (variant->view == DEVICE) {
		/* It is pinned by this, and a pin can fail */
		EXPECT_EQ(MAP_FAILED, mem);
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_EQ(ENOMEM, ERRNO_OF(pwrite(fd, "x", 1, 0)));
		EXPECT_EQ(0, drm_fdinfo(fd, "pinned"));
		EXPECT_EQ(0, cgroup_read(&cg, "memory.events", "oom_kill"));
		close(fd);
		EXPECT_TRUE(drm_objects_settle(self->objects));
		cgroup_leave(&cg);
		return;
	}
	ASSERT_NE(MAP_FAILED, mem);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cg.path);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(write_file(path, "0") || touch_all(mem));
	for (tries = 0; tries < 600 && !ended; tries++) {
		nanosleep(&tick, NULL);
		ended = waitpid(pid, &status, WNOHANG);
	}
	EXPECT_EQ(pid, ended)
		TH_LOG("still waiting for memory after a minute");
	kill(pid, SIGKILL);
	if (!ended)
		waitpid(pid, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_EQ(1, cgroup_read(&cg, "memory.events", "oom_kill"));
	munmap(mem, SIZE);
	close(fd);
	EXPECT_TRUE(drm_objects_settle(self->objects));
	cgroup_leave(&cg);
}

TEST_HARNESS_MAIN
