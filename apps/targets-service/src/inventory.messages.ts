import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import * as contract from '#contracts';
import type { RequestContext } from '#messaging';
import { Door } from './access/door';
import * as images from './inventory/images';
import * as machines from './inventory/machines';
import { listNodes, updateNode } from './inventory/nodes';
import * as sessions from './inventory/sessions';
import * as users from './inventory/users';
import { Parts } from './parts';

/** Machines, images, boot sessions, users and nodes: the door first, then the use case. */
@Controller()
export class InventoryMessages {
  constructor(
    private readonly door: Door,
    private readonly parts: Parts,
  ) {}

  @MessagePattern(contract.CreateMachine.subject)
  createMachine(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.CreateMachine, body, context, (input, caller) => machines.createMachine(this.parts, input, caller));
  }

  @MessagePattern(contract.ListMachines.subject)
  listMachines(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListMachines, body, context, (input) => machines.listMachines(this.parts, input));
  }

  @MessagePattern(contract.GetMachine.subject)
  getMachine(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetMachine, body, context, (input) => machines.getMachine(this.parts, input));
  }

  @MessagePattern(contract.UpdateMachine.subject)
  updateMachine(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.UpdateMachine, body, context, (input, caller) => machines.updateMachine(this.parts, input, caller));
  }

  @MessagePattern(contract.DeleteMachine.subject)
  deleteMachine(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.DeleteMachine, body, context, (input, caller) => machines.deleteMachine(this.parts, input, caller));
  }

  @MessagePattern(contract.CreateImage.subject)
  createImage(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.CreateImage, body, context, (input, caller) => images.createImage(this.parts, input, caller));
  }

  @MessagePattern(contract.ListImages.subject)
  listImages(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListImages, body, context, (input) => images.listImages(this.parts, input));
  }

  @MessagePattern(contract.GetImage.subject)
  getImage(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetImage, body, context, (input) => images.getImage(this.parts, input));
  }

  @MessagePattern(contract.UpdateImage.subject)
  updateImage(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.UpdateImage, body, context, (input, caller) => images.updateImage(this.parts, input, caller));
  }

  @MessagePattern(contract.DeleteImage.subject)
  deleteImage(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.DeleteImage, body, context, (input, caller) => images.deleteImage(this.parts, input, caller));
  }

  @MessagePattern(contract.CreateSession.subject)
  createSession(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.CreateSession, body, context, (input, caller) => sessions.createSession(this.parts, input, caller));
  }

  @MessagePattern(contract.ListSessions.subject)
  listSessions(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListSessions, body, context, (input) => sessions.listSessions(this.parts, input));
  }

  @MessagePattern(contract.GetSession.subject)
  getSession(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetSession, body, context, (input) => sessions.getSession(this.parts, input));
  }

  @MessagePattern(contract.UpdateSession.subject)
  updateSession(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.UpdateSession, body, context, (input, caller) => sessions.updateSession(this.parts, input, caller));
  }

  @MessagePattern(contract.DeleteSession.subject)
  deleteSession(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.DeleteSession, body, context, (input, caller) => sessions.deleteSession(this.parts, input, caller));
  }

  @MessagePattern(contract.CreateUser.subject)
  createUser(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.CreateUser, body, context, (input, caller) => users.createUser(this.parts, input, caller));
  }

  @MessagePattern(contract.ListUsers.subject)
  listUsers(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListUsers, body, context, (input) => users.listUsers(this.parts, input));
  }

  @MessagePattern(contract.GetUser.subject)
  getUser(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.GetUser, body, context, (input) => users.getUser(this.parts, input));
  }

  @MessagePattern(contract.UpdateUser.subject)
  updateUser(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.UpdateUser, body, context, (input, caller) => users.updateUser(this.parts, input, caller));
  }

  @MessagePattern(contract.DeleteUser.subject)
  deleteUser(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.DeleteUser, body, context, (input, caller) => users.deleteUser(this.parts, input, caller));
  }

  @MessagePattern(contract.UpdateNode.subject)
  updateNode(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.UpdateNode, body, context, (input, caller) => updateNode(this.parts, input, caller));
  }

  @MessagePattern(contract.ListNodes.subject)
  listNodes(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListNodes, body, context, (input) => listNodes(this.parts, input));
  }
}
