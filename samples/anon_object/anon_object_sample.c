// SPDX-License-Identifier: GPL-2.0
/*
 * A driver whose buffers are anonymous objects.
 *
 * Its device inverts bits. User space makes buffers, which are files that it
 * maps, and has the device work on them: for that they are pinned, and at all
 * other times they may go to swap. See Documentation/core-api/anon-object.rst.
 */
#include <linux/anon_object.h>
#include <linux/atomic.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "anon_object_sample.h"

/* What the driver knows of a buffer. Its view has it, for the object has a view */
struct sample_buffer {
	atomic_t mappings;
};

static int sample_open(struct vm_area_struct *vma, void *private)
{
	struct sample_buffer *buf = private;

	atomic_inc(&buf->mappings);
	return 0;
}

static void sample_close(struct vm_area_struct *vma, void *private)
{
	struct sample_buffer *buf = private;

	atomic_dec(&buf->mappings);
}

static void sample_release(void *private)
{
	kfree(private);
}

static const struct anon_view_ops sample_view_ops = {
	.owner		= THIS_MODULE,
	.open		= sample_open,
	.close		= sample_close,
	.release	= sample_release,
};

static int sample_create(u64 __user *arg)
{
	struct anon_object_attrs attrs = {
		.name = "sample buffer",
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
		/* No OOM killer for a device's buffers: whoever runs it is told */
		.gfp = GFP_HIGHUSER | __GFP_RETRY_MAYFAIL | __GFP_NOWARN,
	};
	struct anon_view_attrs view_attrs = {
		.flags = O_RDWR,
		.ops = &sample_view_ops,
	};
	struct sample_buffer *buf;
	struct anon_object *obj;
	struct file *view;
	int fd;
	u64 size;

	if (get_user(size, arg))
		return -EFAULT;
	if (!IS_ALIGNED(size, PAGE_SIZE))
		return -EINVAL;
	buf = kzalloc_obj(*buf, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;

	/* It looks at the size itself: 0, say, or what would be negative */
	attrs.size = size;
	obj = anon_object_create(&attrs);
	if (IS_ERR(obj)) {
		kfree(buf);
		return PTR_ERR(obj);
	}
	view_attrs.private = buf;
	view = anon_object_view(obj, &view_attrs);
	/* From now on, the view keeps the object */
	anon_object_put(obj);
	if (IS_ERR(view)) {
		kfree(buf);
		return PTR_ERR(view);
	}
	fd = anon_view_fd(view, 0, O_CLOEXEC);
	/* On failure, this is the end of the view, and sample_release() is called */
	fput(view);
	return fd;
}

/* A real driver would hand the table to dma_map_sgtable(), and wait */
static void sample_invert(struct sg_table *sgt)
{
	struct sg_mapping_iter miter;
	size_t i;

	sg_miter_start(&miter, sgt->sgl, sgt->orig_nents,
		       SG_MITER_FROM_SG | SG_MITER_TO_SG | SG_MITER_LOCAL);
	while (sg_miter_next(&miter)) {
		u8 *mem = miter.addr;

		for (i = 0; i < miter.length; i++)
			mem[i] = ~mem[i];
		cond_resched();
	}
	sg_miter_stop(&miter);
}

static int sample_run(struct anon_object *obj, u64 pos, u64 len)
{
	struct sg_table sgt;
	int err;

	if (pos > MAX_LFS_FILESIZE || len > SIZE_MAX)
		return -EINVAL;
	err = anon_object_pin_sgt(obj, pos, len, UINT_MAX, &sgt);
	if (err)
		return err;
	sample_invert(&sgt);
	anon_object_unpin_sgt(obj, &sgt,
			      ANON_OBJECT_DIRTY | ANON_OBJECT_ACCESSED);
	return 0;
}

static int sample_idle(struct anon_object *obj, struct sample_buffer *buf)
{
	long ret;

	if (atomic_read(&buf->mappings))
		return -EBUSY;
	ret = anon_object_swap_out(obj, 0, PAGE_ALIGN(anon_object_size(obj)));
	return ret < 0 ? ret : 0;
}

static long sample_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	struct anon_sample_range range = {};
	struct sample_buffer *buf;
	struct anon_object *obj;

	if (cmd == ANON_SAMPLE_CREATE)
		return sample_create(argp);
	if (cmd == ANON_SAMPLE_RUN) {
		if (copy_from_user(&range, argp, sizeof(range)))
			return -EFAULT;
		if (range.pad)
			return -EINVAL;
	} else if (cmd != ANON_SAMPLE_IDLE && cmd != ANON_SAMPLE_DISCARD) {
		return -ENOTTY;
	} else if (get_user(range.fd, (s32 __user *)argp)) {
		return -EFAULT;
	}

	/* Any file may come: one of ours it is if it has our hooks */
	CLASS(fd, f)(range.fd);
	if (fd_empty(f))
		return -EBADF;
	buf = anon_view_private(fd_file(f), &sample_view_ops);
	if (!buf)
		return -EINVAL;
	obj = anon_view_object(fd_file(f));

	switch (cmd) {
	case ANON_SAMPLE_RUN:
		return sample_run(obj, range.pos, range.len);
	case ANON_SAMPLE_IDLE:
		return sample_idle(obj, buf);
	default:
		return anon_object_purge(obj);
	}
}

static const struct file_operations sample_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= sample_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice sample_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "anon_object_sample",
	.fops	= &sample_fops,
	.mode	= 0600,
};
module_misc_device(sample_device);

MODULE_DESCRIPTION("A driver whose buffers are anonymous objects");
MODULE_LICENSE("GPL");
