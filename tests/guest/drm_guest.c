// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers for the guest tests of DRM; drm_guest.h says what each is for.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "drm_guest.h"

#define DRI		"/dev/dri"
#define MAX_NODES	16
#define FIRST_RENDER	128
#define MAX_TICKS	2000
#define PITCH		4096	/* of dumb buffers: a page, in 32 bit pixels */

static int ioctl_errno(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

static bool driver_is(int dev, const char *driver)
{
	char name[32] = "";
	struct drm_version version = {
		.name = name,
		.name_len = sizeof(name) - 1,
	};

	return !ioctl(dev, DRM_IOCTL_VERSION, &version) &&
	       !strcmp(name, driver);
}

static int find_node(const char *driver, const char *kind, int first)
{
	char path[64];
	int i, dev;

	for (i = first; i < first + MAX_NODES; i++) {
		snprintf(path, sizeof(path), DRI "/%s%d", kind, i);
		dev = open(path, O_RDWR | O_CLOEXEC);
		if (dev < 0)
			continue;
		if (driver_is(dev, driver))
			return dev;
		close(dev);
	}
	return -ENODEV;
}

static int load_and_find(const char *driver, const char *kind, int first)
{
	int dev = find_node(driver, kind, first);

	if (dev >= 0)
		return dev;
	/* All of them: each has objects of its own, for its console */
	if (system("modprobe -qa vgem vkms virtio_gpu qxl 2>/dev/null") < 0)
		return -errno;
	return find_node(driver, kind, first);
}

int drm_open(const char *driver)
{
	return load_and_find(driver, "card", 0);
}

int drm_open_render(const char *driver)
{
	return load_and_find(driver, "renderD", FIRST_RENDER);
}

int drm_path(int dev, char *path, size_t len)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dev);
	n = readlink(link, path, len - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return 0;
}

bool drm_virtio_name(char *name, size_t len)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	dir = opendir(VIRTIO_GPU_DRIVER);
	if (!dir)
		return false;
	while (!found) {
		entry = readdir(dir);
		if (!entry)
			break;
		found = !strncmp(entry->d_name, "virtio", 6);
		if (found)
			snprintf(name, len, "%s", entry->d_name);
	}
	closedir(dir);
	return found;
}

static int set_parameter(const char *driver, const char *name, bool value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", driver,
		 name);
	if (access(path, F_OK))
		return value ? -ENOENT : 0;
	return write_file(path, "%d", value);
}

int drm_set_kind(const struct drm_kind *kind)
{
	int err = set_parameter(kind->driver, "cached", kind->cached);

	return err ? err : set_parameter(kind->driver, "hugetlb",
					 kind->hugetlb);
}

void drm_reset_kind(const struct drm_kind *kind)
{
	const struct drm_kind plain = { .driver = kind->driver };

	drm_set_kind(&plain);
}

int drm_dumb(int dev, size_t size, struct drm_buf *buf)
{
	struct drm_mode_create_dumb create = {
		.width = PITCH / 4,
		.height = size / PITCH,
		.bpp = 32,
	};
	int err = ioctl_errno(dev, DRM_IOCTL_MODE_CREATE_DUMB, &create);

	if (err)
		return err;
	buf->dev = dev;
	buf->handle = create.handle;
	buf->size = create.size;
	return 0;
}

off_t drm_map_offset(const struct drm_buf *buf)
{
	struct drm_mode_map_dumb map = { .handle = buf->handle };

	return ioctl(buf->dev, DRM_IOCTL_MODE_MAP_DUMB, &map) ? -1 : map.offset;
}

void *drm_map(const struct drm_buf *buf, size_t size, int prot)
{
	off_t offset = drm_map_offset(buf);

	if (offset < 0)
		return MAP_FAILED;
	return mmap(NULL, size, prot, MAP_SHARED, buf->dev, offset);
}

int drm_close_handle(int dev, __u32 handle)
{
	struct drm_gem_close close = { .handle = handle };

	return ioctl_errno(dev, DRM_IOCTL_GEM_CLOSE, &close);
}

int drm_free(struct drm_buf *buf)
{
	return drm_close_handle(buf->dev, buf->handle);
}

int drm_export(const struct drm_buf *buf)
{
	struct drm_prime_handle prime = {
		.handle = buf->handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
	};
	int err = ioctl_errno(buf->dev, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);

	return err ? err : prime.fd;
}

int drm_import(int dev, int dmabuf, __u32 *handle)
{
	struct drm_prime_handle prime = { .fd = dmabuf };
	int err = ioctl_errno(dev, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	*handle = prime.handle;
	return err;
}

bool drm_has_views(int dev)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_VIEW };

	return !ioctl(dev, DRM_IOCTL_GET_CAP, &cap) && cap.value == 1;
}

int drm_view_ioctl(int dev, struct drm_gem_view *view)
{
	return ioctl_errno(dev, DRM_IOCTL_GEM_VIEW, view);
}

int drm_view(const struct drm_buf *buf, __u32 view, __u32 flags)
{
	struct drm_gem_view args = {
		.handle = buf->handle,
		.view = view,
		.flags = flags,
	};
	int err = drm_view_ioctl(buf->dev, &args);

	return err ? err : args.fd;
}

long long drm_fdinfo(int fd, const char *key)
{
	char path[64], line[128];
	size_t len = strlen(key);
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			value = atoll(line + len + 1);
	fclose(f);
	return value;
}

int drm_objects(void)
{
	char line[256];
	int count = 0;
	FILE *f;

	f = fopen(ANON_OBJECTS, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		count += !strncmp(line, "drm\\040", 7);
	fclose(f);
	return count;
}

static void wait_a_tick(void)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };

	nanosleep(&tick, NULL);
}

bool drm_objects_settle(int want)
{
	int tries;

	for (tries = 0; tries < MAX_TICKS; tries++) {
		if (drm_objects() == want)
			return true;
		wait_a_tick();
	}
	return false;
}

bool drm_meminfo_falls(const char *key, long most)
{
	int tries;

	for (tries = 0; tries < MAX_TICKS; tries++) {
		if (meminfo(key) <= most)
			return true;
		wait_a_tick();
	}
	return false;
}

bool drm_meminfo_rises(const char *key, long least)
{
	int tries;

	for (tries = 0; tries < MAX_TICKS; tries++) {
		if (meminfo(key) >= least)
			return true;
		wait_a_tick();
	}
	return false;
}
