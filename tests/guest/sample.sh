#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# sample.sh MODULE PROGRAM: load the driver of samples/anon_object, test it, and
# unload it again.
set -eu
PATH=$PATH:/sbin:/usr/sbin
insmod "$1"
"$(dirname -- "$0")/several.sh" "$2"
rmmod anon_object_sample
