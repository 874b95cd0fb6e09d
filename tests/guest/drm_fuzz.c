// SPDX-License-Identifier: GPL-2.0
/*
 * drm_fuzz [SECONDS [SEED]]: several processes at the ioctls for buffers, views,
 * PRIME and modes of one driver after the other, with what they have just been
 * given, with limits and with anything in each field, while the device is closed
 * and opened again.  Whatever they get, no object stays.
 */
#include "harness.h"

#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <sys/ioctl.h>

#include "drm_guest.h"

#define WORKERS		3
#define KEPT		16

static unsigned int seconds = 10;
static __u64 first_seed = 1;

/* What a worker has got so far, and may name again */
struct worker {
	__u64 state;
	int dev;
	const char *driver;
	__u32 handles[KEPT];
	int fds[KEPT];
	__u32 fbs[KEPT];
	__u64 offsets[KEPT];
	unsigned long calls, passed;
};

static __u64 draw(struct worker *w, __u64 below)
{
	w->state = w->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (w->state >> 24) % below;
}

static __u64 boundary(struct worker *w)
{
	static const __u64 values[] = {
		0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 4095, 4096, 4097, 65535,
		65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000ULL,
		0x7fffffffffffffffULL, ~0ULL, 0xfffffffffffff000ULL,
	};

	return values[draw(w, sizeof(values) / sizeof(values[0]))];
}

/* What goes into a field: what it is for, a limit, or anything */
static __u64 value(struct worker *w, __u64 right)
{
	switch (draw(w, 8)) {
	case 0:
		return boundary(w);
	case 1:
		return draw(w, 1ULL << 32);
	default:
		return right;
	}
}

static __u32 handle(struct worker *w)
{
	return value(w, w->handles[draw(w, KEPT)]);
}

static int fd(struct worker *w)
{
	return value(w, w->fds[draw(w, KEPT)]);
}

static bool call(struct worker *w, unsigned long request, void *arg)
{
	bool ok = !ioctl(w->dev, request, arg);

	w->calls++;
	w->passed += ok;
	return ok;
}

static void create_dumb(struct worker *w)
{
	struct drm_mode_create_dumb args = {
		.width = value(w, 1024),
		.height = value(w, 1 + draw(w, 256)),
		.bpp = value(w, 32),
		.flags = value(w, 0),
	};

	if (call(w, DRM_IOCTL_MODE_CREATE_DUMB, &args))
		w->handles[draw(w, KEPT)] = args.handle;
}

static void map_dumb(struct worker *w)
{
	struct drm_mode_map_dumb args = {
		.handle = handle(w),
		.pad = value(w, 0),
	};
	volatile char *mem;

	if (call(w, DRM_IOCTL_MODE_MAP_DUMB, &args))
		w->offsets[draw(w, KEPT)] = args.offset;
	mem = mmap(NULL, value(w, 65536), PROT_READ | PROT_WRITE, MAP_SHARED,
		   w->dev, value(w, w->offsets[draw(w, KEPT)]));
	if (mem == MAP_FAILED)
		return;
	/* Left to the end of the worker now and then, whatever happens to it */
	if (draw(w, 4))
		munmap((void *)mem, 4096);
}

static void destroy_dumb(struct worker *w)
{
	struct drm_mode_destroy_dumb args = { .handle = handle(w) };

	call(w, DRM_IOCTL_MODE_DESTROY_DUMB, &args);
}

static void gem_close(struct worker *w)
{
	struct drm_gem_close args = { .handle = handle(w), .pad = value(w, 0) };

	call(w, DRM_IOCTL_GEM_CLOSE, &args);
}

static void gem_flink(struct worker *w)
{
	struct drm_gem_flink flink = { .handle = handle(w) };
	struct drm_gem_open open = {};

	call(w, DRM_IOCTL_GEM_FLINK, &flink);
	open.name = value(w, flink.name);
	if (call(w, DRM_IOCTL_GEM_OPEN, &open))
		w->handles[draw(w, KEPT)] = open.handle;
}

static void keep_fd(struct worker *w, int new)
{
	unsigned int at = draw(w, KEPT);

	if (w->fds[at] > 2)
		close(w->fds[at]);
	w->fds[at] = new;
}

static void gem_view(struct worker *w)
{
	struct drm_gem_view args = {
		.handle = handle(w),
		.view = value(w, draw(w, 2)),
		.flags = value(w, draw(w, 8)),
		.fd = value(w, 0),
	};

	if (call(w, DRM_IOCTL_GEM_VIEW, &args))
		keep_fd(w, args.fd);
}

static void use_fd(struct worker *w)
{
	char buf[4096] = {};
	int at = fd(w);
	void *mem;

	/* Not those that the harness talks through */
	if (at <= 2 || at == w->dev)
		return;
	pwrite(at, buf, value(w, sizeof(buf)) % sizeof(buf), value(w, 4096));
	pread(at, buf, value(w, sizeof(buf)) % sizeof(buf), value(w, 4096));
	fallocate(at, value(w, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
		  value(w, 0), value(w, 4096) % (1 << 24));
	posix_fadvise(at, value(w, 0), value(w, 4096), value(w, draw(w, 6)));
	mem = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, at,
		   value(w, 0));
	if (mem != MAP_FAILED)
		munmap(mem, 65536);
	w->calls += 5;
}

static void prime_export(struct worker *w)
{
	struct drm_prime_handle args = {
		.handle = handle(w),
		.flags = value(w, draw(w, 2) ? DRM_RDWR | DRM_CLOEXEC : 0),
		.fd = value(w, -1),
	};

	if (call(w, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args))
		keep_fd(w, args.fd);
}

static void prime_import(struct worker *w)
{
	struct drm_prime_handle args = { .fd = fd(w), .flags = value(w, 0) };

	if (call(w, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args))
		w->handles[draw(w, KEPT)] = args.handle;
}

static void add_fb(struct worker *w)
{
	struct drm_mode_fb_cmd2 args = {
		.width = value(w, 1024),
		.height = value(w, 64),
		.pixel_format = value(w, DRM_FORMAT_XRGB8888),
		.flags = value(w, 0),
		.handles = { handle(w), value(w, 0) },
		.pitches = { value(w, 4096), value(w, 0) },
		.offsets = { value(w, 0), value(w, 0) },
		.modifier = { value(w, 0) },
	};

	if (call(w, DRM_IOCTL_MODE_ADDFB2, &args))
		w->fbs[draw(w, KEPT)] = args.fb_id;
}

static void rm_fb(struct worker *w)
{
	__u32 id = value(w, w->fbs[draw(w, KEPT)]);

	call(w, DRM_IOCTL_MODE_RMFB, &id);
}

static void dirty_fb(struct worker *w)
{
	struct drm_clip_rect clips[4] = {};
	struct drm_mode_fb_dirty_cmd args = {
		.fb_id = value(w, w->fbs[draw(w, KEPT)]),
		.flags = value(w, draw(w, 4)),
		.color = value(w, 0),
		.num_clips = value(w, 4),
		.clips_ptr = value(w, (uintptr_t)clips),
	};

	call(w, DRM_IOCTL_MODE_DIRTYFB, &args);
}

static void set_crtc(struct worker *w)
{
	__u32 crtcs[8] = {}, connectors[8] = {};
	struct drm_mode_modeinfo modes[4] = {};
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_crtcs = 8,
		.count_connectors = 8,
	};
	struct drm_mode_get_connector get = {
		.modes_ptr = (uintptr_t)modes,
		.count_modes = 1,
	};
	struct drm_mode_crtc args = { .count_connectors = value(w, 1) };

	call(w, DRM_IOCTL_MODE_GETRESOURCES, &res);
	get.connector_id = connectors[0];
	call(w, DRM_IOCTL_MODE_GETCONNECTOR, &get);
	args.crtc_id = value(w, crtcs[0]);
	args.fb_id = value(w, w->fbs[draw(w, KEPT)]);
	args.x = value(w, 0);
	args.y = value(w, 0);
	args.set_connectors_ptr = (uintptr_t)connectors;
	args.mode_valid = value(w, 1);
	args.mode = modes[0];
	args.mode.hdisplay = value(w, args.mode.hdisplay);
	args.mode.vdisplay = value(w, args.mode.vdisplay);
	args.mode.clock = value(w, args.mode.clock);
	call(w, DRM_IOCTL_MODE_SETCRTC, &args);
}

static void cursor(struct worker *w)
{
	struct drm_mode_cursor2 args = {
		.flags = value(w, 1 + draw(w, 3)),
		.crtc_id = value(w, draw(w, 64)),
		.x = value(w, 0),
		.y = value(w, 0),
		.width = value(w, 64),
		.height = value(w, 64),
		.handle = handle(w),
	};

	call(w, DRM_IOCTL_MODE_CURSOR2, &args);
}

/*
 * Any ioctl of DRM's before those of syncobjs, which warn of what is too large
 * an array, with anything in it
 */
static void anything(struct worker *w)
{
	unsigned int size = draw(w, 256), i;
	__u64 args[32];

	for (i = 0; i < 32; i++)
		args[i] = value(w, boundary(w));
	call(w, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, draw(w, 0xbf),
		     size), args);
}

static void reopen(struct worker *w)
{
	close(w->dev);
	w->dev = drm_open(w->driver);
	if (w->dev < 0)
		_exit(1);
}

static void (*const ops[])(struct worker *w) = {
	create_dumb, create_dumb, create_dumb, map_dumb, map_dumb, destroy_dumb,
	gem_close, gem_flink, gem_view, gem_view, gem_view, use_fd, use_fd,
	prime_export, prime_import, add_fb, add_fb, rm_fb, dirty_fb, set_crtc,
	cursor, anything, reopen,
};

static int work(const char *driver, __u64 seed, unsigned long *counts)
{
	struct worker w = { .state = seed, .driver = driver };
	struct timespec now, end;

	w.dev = drm_open(driver);
	if (w.dev < 0)
		return 1;
	/* One that takes all memory is the first to go */
	write_file("/proc/self/oom_score_adj", "1000");
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	do {
		ops[draw(&w, sizeof(ops) / sizeof(ops[0]))](&w);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec);
	__atomic_fetch_add(&counts[0], w.calls, __ATOMIC_RELAXED);
	__atomic_fetch_add(&counts[1], w.passed, __ATOMIC_RELAXED);
	return 0;
}

FIXTURE(fuzz)
{
	int objects;
	long shmem;
	unsigned long *counts;
};

FIXTURE_VARIANT(fuzz)
{
	const char *driver;
};

FIXTURE_VARIANT_ADD(fuzz, vgem)
{
	.driver = VGEM,
};

FIXTURE_VARIANT_ADD(fuzz, vkms)
{
	.driver = VKMS,
};

FIXTURE_VARIANT_ADD(fuzz, virtio_gpu)
{
	.driver = VIRTIO_GPU,
};

FIXTURE_SETUP(fuzz)
{
	int dev = drm_open(variant->driver);

	ASSERT_LE(0, dev);
	close(dev);
	kernel_is_ported();
	self->objects = drm_objects();
	self->shmem = meminfo("Shmem");
	self->counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->counts);
}

FIXTURE_TEARDOWN(fuzz)
{
	EXPECT_TRUE(drm_objects_settle(self->objects))
		TH_LOG("%d objects, before it %d", drm_objects(),
		       self->objects);
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK));
	munmap(self->counts, 4096);
}

TEST_F(fuzz, leaves_nothing)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < WORKERS; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(work(variant->driver, first_seed * WORKERS + i,
				   self->counts));
	}
	/* Who takes all the memory may be killed for it */
	while (wait(&status) > 0)
		EXPECT_TRUE(!status || status == SIGKILL);
	TH_LOG("%lu calls, %lu of them passed, seed %llu", self->counts[0],
	       self->counts[1], first_seed);
	EXPECT_LT(1000, self->counts[0]);
	EXPECT_LT(self->counts[0] / 20, self->counts[1]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atoi(argv[1]);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 0);
	return test_harness_run(1, argv);
}
