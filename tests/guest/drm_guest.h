/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the guest tests of DRM: devices by their driver's name, dumb
 * buffers, views of them, PRIME. As in guest.h, nothing here asserts; what
 * returns an int gives -errno on failure.
 */
#ifndef TESTS_DRM_GUEST_H
#define TESTS_DRM_GUEST_H

#include <drm/drm.h>

#include "guest.h"

#define VGEM		"vgem"
#define VKMS		"vkms"
#define VIRTIO_GPU	"virtio_gpu"
#define QXL		"qxl"

#define VIRTIO_GPU_DRIVER	"/sys/bus/virtio/drivers/virtio_gpu"
#define LARGE_FOLIOS	"/sys/module/drm/parameters/gem_large_folios"

/* A driver, with how its module parameters are to be; ported kernels only */
struct drm_kind {
	const char *driver;
	bool cached;
	bool hugetlb;
};

struct drm_buf {
	int dev;
	__u32 handle;
	size_t size;
};

/* The driver's primary or render node. Loads the modules that are missing. */
int drm_open(const char *driver);
int drm_open_render(const char *driver);
/* The path of the node that an fd is of. */
int drm_path(int dev, char *path, size_t len);

/* The name of the virtio GPU on its bus. */
bool drm_virtio_name(char *name, size_t len);

/* Set the parameters: -ENOENT where the driver does not have one. */
int drm_set_kind(const struct drm_kind *kind);
/* Back to the defaults. */
void drm_reset_kind(const struct drm_kind *kind);

/* A dumb buffer of so many bytes, a multiple of the page size. */
int drm_dumb(int dev, size_t size, struct drm_buf *buf);
/* The driver's own mmap of it; MAP_FAILED and errno on failure. */
void *drm_map(const struct drm_buf *buf, size_t size, int prot);
/* Where that is in the device's file, or -1 and errno. */
off_t drm_map_offset(const struct drm_buf *buf);
int drm_close_handle(int dev, __u32 handle);
int drm_free(struct drm_buf *buf);

/* A dma-buf, and a handle of one. */
int drm_export(const struct drm_buf *buf);
int drm_import(int dev, int dmabuf, __u32 *handle);

/* Does the device have DRM_IOCTL_GEM_VIEW? */
bool drm_has_views(int dev);
/* The fd of a view. */
int drm_view(const struct drm_buf *buf, __u32 view, __u32 flags);
int drm_view_ioctl(int dev, struct drm_gem_view *view);

/* A value in a view's fdinfo, -1 if it is not there. */
long long drm_fdinfo(int fd, const char *key);

/* Less than the tests leave if they lose something, in kB: of 256 pages. */
#define DRM_SLACK	((long)(256 * PAGE / 1024))
/* Poll until a counter of /proc/meminfo is so low; false after 20 seconds. */
bool drm_meminfo_falls(const char *key, long most);
bool drm_meminfo_rises(const char *key, long least);

/* How many objects of DRM's there are: 0 on a stock kernel. */
int drm_objects(void);
/* Poll until there are so many; false after 20 seconds. */
bool drm_objects_settle(int want);

#endif
