/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _MM_ANON_OBJECT_PIN_H
#define _MM_ANON_OBJECT_PIN_H

#include <linux/folio_batch.h>

#include "internal.h"

#include <trace/events/anon_object.h>

int anon_pin(struct anon_object *obj, pgoff_t index, pgoff_t end,
	     struct anon_pin *pin);
void anon_pin_done(struct anon_object *obj, unsigned long nr_pages);

/**
 * struct anon_unpin - an unpin in progress, which goes batch by batch
 * @obj: the object
 * @skip: how many pages a run goes on for after the segment that it began in
 * @covered: pages that are still the object's
 * @flags: ANON_OBJECT_DIRTY, ANON_OBJECT_ACCESSED
 * @rescue: the object has become evictable, so its folios have to
 * @fbatch: folios that are to be unpinned
 */
struct anon_unpin {
	struct anon_object *obj;
	unsigned long skip;
	unsigned long covered;
	unsigned int flags;
	bool rescue;
	struct folio_batch fbatch;
};

void anon_unpin_setup(struct anon_unpin *unpin, struct anon_object *obj,
		      unsigned int flags);
void anon_unpin_begin(struct anon_unpin *unpin, struct anon_object *obj,
		      unsigned long nr_pages, unsigned int flags);
void anon_unpin_flush(struct anon_unpin *unpin);
void anon_unpin_end(struct anon_unpin *unpin, unsigned long nr_pages);

/* Does it come after a run, as a frame and as a struct page, both of which count? */
static inline bool anon_page_follows(struct page *page, struct page *run,
				     unsigned long nr)
{
	return page == run + nr && page_to_pfn(page) == page_to_pfn(run) + nr;
}

/*
 * Unpin the folio of a run's first page.  Returns how many pages of the folio
 * there are from that on, for it is not to be looked at again.
 */
static inline unsigned long anon_unpin_folio(struct anon_unpin *unpin,
					     struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long left = 1;

	if (folio_test_large(folio))
		left = folio_nr_pages(folio) - folio_page_idx(folio, page);
	if (!folio_batch_add(&unpin->fbatch, folio))
		anon_unpin_flush(unpin);
	return left;
}

#endif /* _MM_ANON_OBJECT_PIN_H */
