using System.Text;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes KUSER_SHARED_DATA, where the tick count and the times are.</summary>
internal static class SharedUserData
{
    public static void Write(SystemBuilder system)
    {
        SystemOptions options = system.Options;
        ulong address = system.Addresses.SharedUserData;
        system.Kernel.Map(address);
        string[] version = system.Layout.Version.Split('.');
        KernelStruct shared = system.Struct("_KUSER_SHARED_DATA", address);
        // The factor from ticks to milliseconds, in units of 2^-24.
        shared.Set("TickCountMultiplier", 0xfa00000).TrySet("TickCountQuad", options.TickCount)
            .TrySet("NtMajorVersion", ulong.Parse(version[0])).TrySet("NtMinorVersion", ulong.Parse(version[1]))
            .TrySet("NtBuildNumber", (ulong)system.Layout.Build).TrySet("NtProductType", 1)
            .TrySet("ProductTypeIsValid", 1).TrySet("NativeProcessorArchitecture", NativeArchitecture(system))
            .TrySet("TickCountLow", options.TickCount)
            .TrySet("NumberOfPhysicalPages", options.Memory.Physical)
            .TrySet("ActiveProcessorCount", (ulong)options.Processors).TrySet("SuiteMask", 0x110);
        WriteTime(system, shared.At("InterruptTime"), (ulong)options.Uptime.Ticks);
        WriteTime(system, shared.At("SystemTime"), options.FileTime);
        WriteTime(system, shared.At("TickCount"), options.TickCount);
        system.Kernel.Write(shared.At("NtSystemRoot"), Encoding.Unicode.GetBytes(@"C:\Windows"));
    }

    // PROCESSOR_ARCHITECTURE of winnt.h.
    private static ulong NativeArchitecture(SystemBuilder system) => system.Layout.Architecture switch
    {
        Layouts.Architecture.X86 => 0,
        Layouts.Architecture.Arm64 => 12,
        _ => 9,
    };

    // KSYSTEM_TIME: low part and the high part twice.
    private static void WriteTime(SystemBuilder system, ulong at, ulong time)
    {
        system.Kernel.WriteUInt64(at, time);
        system.Kernel.WriteUInt32(at + 8, (uint)(time >> 32));
    }
}
