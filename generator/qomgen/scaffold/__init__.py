# SPDX-License-Identifier: GPL-2.0-or-later
"""
`qomgen new`: a project with a device type of a user's own.

`answers` is what is asked, `hostdevice` what a device of this machine tells; `files` renders what its owner goes on
with, `cfiles` the C among it, with `samples` of good and bad values for tests. `new` puts it all in its place.
"""
