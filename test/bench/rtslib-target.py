"""Makes and removes complete targets with rtslib in one process, as targetd and ceph-iscsi do, and says what each took.

argv: how many; `save` to write the configuration after each. Prints JSON: milliseconds of each create, and of each delete.
"""
import json
import os
import sys
import time
import uuid

from rtslib_fb import TPG, FabricModule, FileIOStorageObject, LUN, MappedLUN, NetworkPortal, NodeACL, RTSRoot, Target

SAVED = '/run/bench/rtslib-saveconfig.json'


def make(root, number):
    name = f'rtslib-{number}'
    path = f'/run/bench/{name}.img'
    with open(path, 'wb') as image:
        os.truncate(image.fileno(), 1 << 20)
    began = time.monotonic()
    store = FileIOStorageObject(name, path, 1 << 20, write_back=False, wwn=str(uuid.uuid4()))
    store.set_attribute('emulate_write_cache', '0')
    target = Target(FabricModule('iscsi'), f'iqn.2025-01.io.spindle:{name}')
    tpg = TPG(target, 1)
    for attribute, value in (('authentication', '0'), ('generate_node_acls', '0'), ('demo_mode_discovery', '0')):
        tpg.set_attribute(attribute, value)
    lun = LUN(tpg, 0, store)
    acl = NodeACL(tpg, f'iqn.2025-01.io.spindle:m-{name}')
    MappedLUN(acl, 0, lun, False)
    NetworkPortal(tpg, '10.0.2.15', 3260)
    tpg.enable = True
    if 'save' in sys.argv[2:]:
        root.save_to_file(SAVED)
    return (time.monotonic() - began) * 1000, target, store


def remove(root, target, store):
    began = time.monotonic()
    target.delete()
    store.delete()
    if 'save' in sys.argv[2:]:
        root.save_to_file(SAVED)
    return (time.monotonic() - began) * 1000


root = RTSRoot()
made = [make(root, number) for number in range(int(sys.argv[1]))]
removed = [remove(root, target, store) for _, target, store in made]
print(json.dumps({'create': [ms for ms, _, _ in made], 'delete': removed}))
