"""One file per family, found by listing this folder.

To add a family, add ``<family>.py`` with a ``TASK`` (:class:`sampkit.demo.Task`); nothing else
needs to know.
"""
