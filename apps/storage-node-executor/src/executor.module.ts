import { Module, type DynamicModule } from '@nestjs/common';
import { NodeParts } from './node-parts';
import { NodeMessages } from './node.messages';

@Module({})
export class ExecutorModule {
  static with(parts: NodeParts): DynamicModule {
    return { module: ExecutorModule, controllers: [NodeMessages], providers: [{ provide: NodeParts, useValue: parts }] };
  }
}
