import { Module, type DynamicModule } from '@nestjs/common';
import { Door } from './access/door';
import { InventoryMessages } from './inventory.messages';
import { Parts } from './parts';
import { SigningKey } from './signing-key';
import { TargetsMessages } from './targets.messages';
import { TokensMessages } from './tokens.messages';

@Module({})
export class TargetsServiceModule {
  static with(parts: Parts, door: Door, key: SigningKey): DynamicModule {
    return {
      module: TargetsServiceModule,
      controllers: [TargetsMessages, InventoryMessages, TokensMessages],
      providers: [
        { provide: Parts, useValue: parts },
        { provide: Door, useValue: door },
        { provide: SigningKey, useValue: key },
      ],
    };
  }
}
