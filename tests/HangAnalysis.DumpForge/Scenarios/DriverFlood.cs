using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>A system with many drivers that all allocate pool, for measurements: 200 KB of code each, as drivers have.</summary>
internal static class DriverFlood
{
    private const int CodeBytes = 200 * 1024, Decoys = 40, Tags = 200;
    private const uint FillerRva = 0x8000;

    public static SystemBuilder Build(KernelLayout layout, int drivers)
    {
        Setup setup = Setup.Create(layout, $"drivers-{drivers}", new SystemOptions(layout) { Processors = 8 });
        SystemBuilder system = setup.System;
        PoolTables pool = system.PoolTables;
        for (int i = 0; i < Tags; i++)
            pool.Count(Tag(i), (ulong)(10_000 + i), 5_000, 4096L * (Tags - i) * 64, paged: i % 3 == 0, processor: i % 8);
        ulong random = 0x2545f4914f6cdd1d;
        for (int i = 0; i < drivers; i++)
        {
            ForgedModule module = system.Modules.AddThirdParty($"drv{i:000}.sys", "Fabrikam Software", $"1.0.0.{i}");
            module.DataRva = 0x6000;
            module.MinimumSize = FillerRva + CodeBytes + 0x2000;
            new PoolCode(system, module).Call(0x1200, "ExAllocatePoolWithTag", Tag(i), (PoolCallForm)(i % 4));
            module.AddCode(FillerRva + 0x20, Filler(ref random));
        }
        return setup.Complete(Truth.NoHang);
    }

    private static string Tag(int number) => $"T{number:x3}";

    // Bytes without a meaning, and in them tags that no call takes.
    private static byte[] Filler(ref ulong random)
    {
        byte[] code = new byte[CodeBytes];
        for (int at = 0; at + 8 <= code.Length; at += 8)
        {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            BitConverter.TryWriteBytes(code.AsSpan(at), random);
        }
        for (int i = 0; i < Decoys; i++)
        {
            int at = CodeBytes / Decoys * i + 16;
            code[at] = 0x41;
            code[at + 1] = 0xb8;
            BitConverter.TryWriteBytes(code.AsSpan(at + 2), PoolTables.Number(Tag(i)));
        }
        return code;
    }
}
