// SPDX-License-Identifier: GPL-2.0
/*
 * GEM objects as regular files.
 *
 * Handles belong to a drm_file, and are numbers that only DRM's ioctls know;
 * a view is a file of the object's own, with the system calls that files have.
 * The file holds the object, and with it the device and the driver's module.
 */
#include <linux/anon_object.h>
#include <linux/cleanup.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/module.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>

#include "drm_internal.h"

/**
 * DOC: gem views
 *
 * &DRM_IOCTL_GEM_VIEW makes a regular file of a GEM object. There are two
 * views of an object. The *backing* view is the memory itself: reading, writing
 * and mapping it is what it is for any file in memory, it can go to swap while
 * it is mapped, and nothing is pinned for it. The *device* view is what the
 * driver's own mmap gives, an aperture for instance, and its mappings are the
 * driver's: they are revoked and faulted in as all others are.
 *
 * Drivers opt in by %DRIVER_GEM_VIEW, and say by &drm_gem_object_funcs.view
 * which views there may be of an object. There must not be a backing view of an
 * object that is mapped uncached or write-combined elsewhere, for the two would
 * not see each other's writes: drm_gem_shmem_object_view() knows about that.
 * Reads and writes of a device view of such an object go through
 * &drm_gem_object_funcs.vmap.
 *
 * Imported objects, and those not in an anonymous object, have no views.
 */

static int drm_gem_view_open(struct vm_area_struct *vma, void *private)
{
	struct drm_gem_object *obj = private;

	return obj->funcs->view_open ? obj->funcs->view_open(obj, vma) : 0;
}

static void drm_gem_view_close(struct vm_area_struct *vma, void *private)
{
	struct drm_gem_object *obj = private;

	if (obj->funcs->view_close)
		obj->funcs->view_close(obj, vma);
}

static int drm_gem_view_mmap(struct vm_area_struct *vma, void *private)
{
	struct drm_gem_object *obj = private;

	if (drm_dev_is_unplugged(obj->dev))
		return -ENODEV;

	return drm_gem_mmap_obj(obj, obj->size, vma);
}

static int drm_gem_view_vmap(void *private, struct iosys_map *map)
{
	return drm_gem_vmap(private, map);
}

static void drm_gem_view_vunmap(void *private, struct iosys_map *map)
{
	drm_gem_vunmap(private, map);
}

static void drm_gem_view_release(void *private)
{
	struct drm_gem_object *obj = private;
	struct drm_device *dev = obj->dev;
	struct module *owner = dev->driver->fops->owner;

	drm_gem_object_put(obj);
	drm_dev_put(dev);
	module_put(owner);
}

static const struct anon_view_ops drm_gem_view_backing_ops = {
	.owner = THIS_MODULE,
	.open = drm_gem_view_open,
	.close = drm_gem_view_close,
	.release = drm_gem_view_release,
};

static const struct anon_view_ops drm_gem_view_device_ops = {
	.owner = THIS_MODULE,
	.mmap = drm_gem_view_mmap,
	.release = drm_gem_view_release,
};

/* Of an object that is not cached everywhere */
static const struct anon_view_ops drm_gem_view_uncached_ops = {
	.owner = THIS_MODULE,
	.mmap = drm_gem_view_mmap,
	.vmap = drm_gem_view_vmap,
	.vunmap = drm_gem_view_vunmap,
	.release = drm_gem_view_release,
};

static const struct anon_view_ops *
drm_gem_view_ops(struct drm_gem_object *obj, u32 view)
{
	if (view == DRM_GEM_VIEW_BACKING)
		return &drm_gem_view_backing_ops;
	if (obj->funcs->view(obj, DRM_GEM_VIEW_BACKING))
		return &drm_gem_view_uncached_ops;
	return &drm_gem_view_device_ops;
}

/* Returns a file that has taken over the reference to @obj, or an ERR_PTR() */
static struct file *drm_gem_view_create(struct drm_gem_object *obj,
					const struct drm_gem_view *args)
{
	struct anon_view_attrs attrs = {
		.flags = args->flags & DRM_GEM_VIEW_RDWR ? O_RDWR : O_RDONLY,
		.ops = drm_gem_view_ops(obj, args->view),
		.private = obj,
	};
	struct drm_device *dev = obj->dev;
	struct file *file;
	int ret;

	if (args->view == DRM_GEM_VIEW_DEVICE) {
		ret = drm_gem_create_mmap_offset(obj);
		if (ret)
			return ERR_PTR(ret);
		attrs.mapping = dev->anon_inode->i_mapping;
		attrs.pgoff = drm_vma_node_start(&obj->vma_node);
	}

	if (!try_module_get(dev->driver->fops->owner))
		return ERR_PTR(-ENODEV);
	drm_dev_get(dev);
	file = anon_object_view(obj->anon, &attrs);
	if (IS_ERR(file)) {
		drm_dev_put(dev);
		module_put(dev->driver->fops->owner);
	}

	return file;
}

static int drm_gem_view_check(struct drm_gem_object *obj,
			      const struct drm_gem_view *args)
{
	if (!obj->anon || drm_gem_is_imported(obj) || !obj->funcs->view)
		return -EOPNOTSUPP;

	return obj->funcs->view(obj, args->view);
}

/**
 * drm_gem_view_ioctl - implementation of the GEM_VIEW ioctl
 * @dev: drm_device
 * @data: ioctl data, struct drm_gem_view
 * @file_priv: drm file-private structure that has the handle
 *
 * Returns:
 * 0 with the file descriptor in @data, or one of the errors that
 * &DRM_IOCTL_GEM_VIEW documents.
 */
int drm_gem_view_ioctl(struct drm_device *dev, void *data,
		       struct drm_file *file_priv)
{
	struct drm_gem_view *args = data;
	struct drm_gem_object *obj;
	struct file *file;
	int ret;

	if (!drm_core_check_feature(dev, DRIVER_GEM_VIEW))
		return -EOPNOTSUPP;

	if (args->pad || args->view > DRM_GEM_VIEW_DEVICE ||
	    args->flags & ~(DRM_GEM_VIEW_CLOEXEC | DRM_GEM_VIEW_RDWR |
			    DRM_GEM_VIEW_LOWEST_FD))
		return -EINVAL;
	if (args->lowest_fd && !(args->flags & DRM_GEM_VIEW_LOWEST_FD))
		return -EINVAL;

	obj = drm_gem_object_lookup(file_priv, args->handle);
	if (!obj)
		return -ENOENT;

	ret = drm_gem_view_check(obj, args);
	if (ret)
		goto err_obj;
	file = drm_gem_view_create(obj, args);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_obj;
	}

	ret = anon_view_fd(file, args->lowest_fd,
			   args->flags & DRM_GEM_VIEW_CLOEXEC ? O_CLOEXEC : 0);
	fput(file);
	if (ret < 0)
		return ret;
	args->fd = ret;

	return 0;

err_obj:
	drm_gem_object_put(obj);
	return ret;
}
