import { parseReservations } from './persistent-reservations';

/** As target_core_pr.c, core_scsi3_update_aptpl_buf, writes it. */
const FILE = `PR_REG_START: 0
initiator_fabric=iSCSI
initiator_node=iqn.2003-01.org.example:a
initiator_sid=0x000000
sa_res_key=4660
PR_REG_END: 0
PR_REG_START: 1
initiator_node=iqn.2003-01.org.example:b
PR_REG_END: 1
`;

test('each registration is one line for the kernel', () => {
  expect(parseReservations(FILE)).toEqual([
    'initiator_fabric=iSCSI,initiator_node=iqn.2003-01.org.example:a,initiator_sid=0x000000,sa_res_key=4660',
    'initiator_node=iqn.2003-01.org.example:b',
  ]);
});

test.each(['', 'No Registrations or Reservations\n'])('there are none in %j', (text) => {
  expect(parseReservations(text)).toEqual([]);
});
