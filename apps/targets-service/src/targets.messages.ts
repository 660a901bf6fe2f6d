import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import * as contract from '#contracts';
import type { RequestContext } from '#messaging';
import { Door } from './access/door';
import { login } from './access/login';
import { LoginLocks } from './access/login-locks';
import { Parts } from './parts';
import { acceptNodePlan } from './reconcile/accept-plan';
import { getNodePlan } from './reconcile/node-plan';
import { nodeWishes } from './reconcile/node-wishes';
import { recordReport } from './reconcile/node-presence';
import { showCredentials } from './secrets/show-credentials';
import { adoptTarget } from './targets/adopt-target';
import { createTarget } from './targets/create-target';
import { deleteTarget } from './targets/delete-target';
import { getTarget, getTargetByMachine } from './targets/get-target';
import { listTargets } from './targets/list-targets';
import { restartTarget } from './targets/restart-target';
import { rotateChap } from './targets/rotate-chap';
import { targetStatus } from './targets/target-status';
import { SigningKey } from './signing-key';

/** Every request on targets, login and the nodes' reports: the door first, then the use case. The rest: inventory.messages.ts */
@Controller()
export class TargetsMessages {
  private readonly locks: LoginLocks;

  constructor(
    private readonly door: Door,
    private readonly parts: Parts,
    private readonly key: SigningKey,
  ) {
    this.locks = new LoginLocks(parts.settings.LOGIN_FAILURES, parts.settings.LOGIN_LOCK_SECONDS * 1_000);
  }

  @MessagePattern(contract.Login.subject)
  login(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admitAnyone(contract.Login, body, context, (input) =>
      login(this.parts, this.locks, this.key.privateKey, input, context),
    );
  }

  @MessagePattern(contract.CreateTarget.subject)
  createTarget(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.CreateTarget, body, context, (input, caller) => createTarget(this.parts, input, caller), {
      present: (target, caller) => showCredentials(this.parts, target, caller, contract.CreateTarget.subject),
    });
  }

  @MessagePattern(contract.GetTarget.subject)
  getTarget(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetTarget, body, context, (input) => getTarget(this.parts, input));
  }

  @MessagePattern(contract.ListTargets.subject)
  listTargets(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListTargets, body, context, (input) => listTargets(this.parts, input));
  }

  @MessagePattern(contract.GetTargetStatus.subject)
  targetStatus(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetTargetStatus, body, context, (input, caller) => targetStatus(this.parts, input, caller));
  }

  @MessagePattern(contract.DeleteTarget.subject)
  deleteTarget(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.DeleteTarget, body, context, (input, caller) => deleteTarget(this.parts, input, caller));
  }

  @MessagePattern(contract.RestartTarget.subject)
  restartTarget(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.RestartTarget, body, context, (input, caller) => restartTarget(this.parts, input, caller));
  }

  @MessagePattern(contract.RotateChap.subject)
  rotateChap(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.RotateChap, body, context, (input, caller) => rotateChap(this.parts, input, caller), {
      present: (target, caller) => showCredentials(this.parts, target, caller, contract.RotateChap.subject),
    });
  }

  @MessagePattern(contract.GetTargetByMachine.subject)
  getTargetByMachine(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetTargetByMachine, body, context, (input) => getTargetByMachine(this.parts, input));
  }

  @MessagePattern(contract.AdoptTarget.subject)
  adoptTarget(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.AdoptTarget, body, context, (input, caller) => adoptTarget(this.parts, input, caller));
  }

  @MessagePattern(contract.GetNodePlan.subject)
  nodePlan(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetNodePlan, body, context, (input, caller) => getNodePlan(this.parts, input, caller));
  }

  @MessagePattern(contract.AcceptNodePlan.subject)
  acceptPlan(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.AcceptNodePlan, body, context, (input, caller) => acceptNodePlan(this.parts, input, caller));
  }

  @MessagePattern('storage-node.*.report')
  nodeReport(@Payload() body: unknown, @Ctx() context: RequestContext) {
    const report = contract.parseInput(contract.NodeReport, body);
    if (context.subject !== contract.nodeSubject(report.node_id, 'report')) throw new contract.Refused('INVALID_VALUE');
    return recordReport(this.parts, report);
  }

  @MessagePattern('storage-node.*.wishes')
  nodeWishes(@Payload() body: unknown, @Ctx() context: RequestContext) {
    const { after, limit } = contract.parseInput(contract.WishesRequest, body);
    return nodeWishes(this.parts, context.subject.split('.')[1]!, after, limit);
  }
}
