import { Module, type DynamicModule } from '@nestjs/common';
import { NodeMessages } from './node.messages';
import { RootLink } from './socket/root-link';

@Module({})
export class ExecutorModule {
  static with(root: RootLink): DynamicModule {
    return { module: ExecutorModule, controllers: [NodeMessages], providers: [{ provide: RootLink, useValue: root }] };
  }
}
