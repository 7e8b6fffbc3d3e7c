"""The error tree: the docstring's drawing matches the classes, and every code is unique."""

import re

from spherelinks import errors


def classes(base=errors.SphereLinksError):
    yield base
    for sub in base.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield from classes(sub)


def test_the_drawn_tree_is_the_real_one():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert drawn == [cls.__name__ for cls in classes()][1:]


def test_every_class_has_a_code_of_its_own():
    codes = [cls.code for cls in classes()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)
