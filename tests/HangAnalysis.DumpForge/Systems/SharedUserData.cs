using System.Text;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes KUSER_SHARED_DATA, where the tick count and the times are.</summary>
internal static class SharedUserData
{
    public const ulong Address = 0xfffff78000000000;

    public static void Write(SystemBuilder system)
    {
        SystemOptions options = system.Options;
        system.Kernel.Map(Address);
        string[] version = system.Layout.Version.Split('.');
        KernelStruct shared = system.Struct("_KUSER_SHARED_DATA", Address);
        // The factor from ticks to milliseconds, in units of 2^-24.
        shared.Set("TickCountMultiplier", 0xfa00000).TrySet("TickCountQuad", options.TickCount)
            .TrySet("NtMajorVersion", ulong.Parse(version[0])).TrySet("NtMinorVersion", ulong.Parse(version[1]))
            .TrySet("NtBuildNumber", (ulong)system.Layout.Build).TrySet("NtProductType", 1)
            .TrySet("ProductTypeIsValid", 1).TrySet("NativeProcessorArchitecture", 9)
            .TrySet("NumberOfPhysicalPages", options.Memory.Physical)
            .TrySet("ActiveProcessorCount", (ulong)options.Processors).TrySet("SuiteMask", 0x110);
        WriteTime(system, shared.At("InterruptTime"), (ulong)options.Uptime.Ticks);
        WriteTime(system, shared.At("SystemTime"), options.FileTime);
        WriteTime(system, shared.At("TickCount"), options.TickCount);
        system.Kernel.Write(shared.At("NtSystemRoot"), Encoding.Unicode.GetBytes(@"C:\Windows"));
    }

    // KSYSTEM_TIME: low part and the high part twice.
    private static void WriteTime(SystemBuilder system, ulong at, ulong time)
    {
        system.Kernel.WriteUInt64(at, time);
        system.Kernel.WriteUInt32(at + 8, (uint)(time >> 32));
    }
}
