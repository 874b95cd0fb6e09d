/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM anon_object

#if !defined(_TRACE_ANON_OBJECT_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_ANON_OBJECT_H

#include <linux/anon_object.h>
#include <linux/fs.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(anon_object,

	TP_PROTO(const struct anon_object *obj),

	TP_ARGS(obj),

	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(loff_t, size)
	),

	TP_fast_assign(
		__entry->dev = obj->inode ? obj->inode->i_sb->s_dev : 0;
		__entry->ino = obj->inode ? obj->inode->i_ino : 0;
		__entry->size = anon_object_size(obj);
	),

	TP_printk("dev %d:%d ino %llu size %lld",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->size)
);

DEFINE_EVENT(anon_object, anon_object_create,
	TP_PROTO(const struct anon_object *obj),
	TP_ARGS(obj)
);

DEFINE_EVENT(anon_object, anon_object_destroy,
	TP_PROTO(const struct anon_object *obj),
	TP_ARGS(obj)
);

DECLARE_EVENT_CLASS(anon_object_range,

	TP_PROTO(const struct anon_object *obj, loff_t pos, loff_t len,
		 long ret),

	TP_ARGS(obj, pos, len, ret),

	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(loff_t, size)
		__field(loff_t, pos)
		__field(loff_t, len)
		__field(long, ret)
	),

	TP_fast_assign(
		__entry->dev = obj->inode ? obj->inode->i_sb->s_dev : 0;
		__entry->ino = obj->inode ? obj->inode->i_ino : 0;
		__entry->size = anon_object_size(obj);
		__entry->pos = pos;
		__entry->len = len;
		__entry->ret = ret;
	),

	TP_printk("dev %d:%d ino %llu size %lld pos %lld len %lld ret %ld",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->size, __entry->pos, __entry->len, __entry->ret)
);

DEFINE_EVENT(anon_object_range, anon_object_pin,
	TP_PROTO(const struct anon_object *obj, loff_t pos, loff_t len,
		 long ret),
	TP_ARGS(obj, pos, len, ret)
);

DEFINE_EVENT(anon_object_range, anon_object_swap_out,
	TP_PROTO(const struct anon_object *obj, loff_t pos, loff_t len,
		 long ret),
	TP_ARGS(obj, pos, len, ret)
);

DEFINE_EVENT(anon_object_range, anon_object_purge,
	TP_PROTO(const struct anon_object *obj, loff_t pos, loff_t len,
		 long ret),
	TP_ARGS(obj, pos, len, ret)
);

TRACE_EVENT(anon_object_unpin,

	TP_PROTO(const struct anon_object *obj, unsigned long nr_pages,
		 unsigned int flags),

	TP_ARGS(obj, nr_pages, flags),

	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(loff_t, size)
		__field(unsigned long, nr_pages)
		__field(unsigned int, flags)
	),

	TP_fast_assign(
		__entry->dev = obj->inode ? obj->inode->i_sb->s_dev : 0;
		__entry->ino = obj->inode ? obj->inode->i_ino : 0;
		__entry->size = anon_object_size(obj);
		__entry->nr_pages = nr_pages;
		__entry->flags = flags;
	),

	TP_printk("dev %d:%d ino %llu size %lld nr_pages %lu flags %s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->size, __entry->nr_pages,
		  __print_flags(__entry->flags, "|",
				{ ANON_OBJECT_DIRTY, "dirty" },
				{ ANON_OBJECT_ACCESSED, "accessed" }))
);

#endif /* _TRACE_ANON_OBJECT_H */

#include <trace/define_trace.h>
