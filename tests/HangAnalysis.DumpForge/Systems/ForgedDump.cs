using HangAnalysis.DumpForge.Dumps;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes a finished system: the dump, the PDBs beside it, and the truth.</summary>
public static class ForgedDump
{
    /// <summary>Writes memory.dmp, the PDBs and truth.json into a folder.</summary>
    public static void Write(SystemBuilder system, string folder, DumpKind kind = DumpKind.Full)
    {
        system.Finish();
        Directory.CreateDirectory(folder);
        using (FileStream file = File.Create(Path.Combine(folder, "memory.dmp")))
            WriteDump(system, file, kind);
        WriteSymbols(system, folder);
        File.WriteAllBytes(Path.Combine(folder, "truth.json"), system.Truth.ToJson());
    }

    /// <summary>Writes the dump alone.</summary>
    public static void WriteDump(SystemBuilder system, Stream stream, DumpKind kind = DumpKind.Full)
    {
        system.Finish();
        DumpHeader header = Header(system);
        switch (kind)
        {
            case DumpKind.Full:
                PageDump.WriteFull(stream, header, system.Physical);
                break;
            case DumpKind.Bitmap:
                PageDump.WriteBitmap(stream, header, system.Physical);
                break;
            case DumpKind.KernelBitmap:
                PageDump.WriteBitmap(stream, header, system.Physical, 6, "FDMP");
                break;
            case DumpKind.KernelRanges:
                PageDump.WriteRanges(stream, header, system.Physical, 8);
                break;
            case DumpKind.ActiveRanges:
                PageDump.WriteRanges(stream, header, system.Physical, 9);
                break;
            case DumpKind.CompleteRanges:
                PageDump.WriteRanges(stream, header, system.Physical, 10);
                break;
            case DumpKind.Triage:
                stream.Write(TriageOf(system, header).Build());
                break;
        }
    }

    /// <summary>Writes the kernel's PDB alone, with the types of <see cref="SystemBuilder.SymbolLayout"/>.</summary>
    public static void WriteKernelSymbols(SystemBuilder system, string folder) =>
        File.WriteAllBytes(Path.Combine(folder, system.Nt.PdbName!), system.Nt.BuildPdb(system.SymbolLayout));

    /// <summary>Writes the PDBs of all images that have one.</summary>
    public static void WriteSymbols(SystemBuilder system, string folder)
    {
        system.Finish();
        foreach (ForgedModule module in system.Modules.All)
            if (module.PdbName is { } name)
                File.WriteAllBytes(
                    Path.Combine(folder, name), module.BuildPdb(module == system.Nt ? system.SymbolLayout : module.Types));
    }

    private static DumpHeader Header(SystemBuilder system)
    {
        SystemOptions options = system.Options;
        ProcessorState processor = system.ProcessorStates[0];
        DumpHeader header = new()
        {
            MinorVersion = (uint)system.Layout.Build,
            IsNarrow = system.Layout.PointerSize == 4,
            HasPae = options.HasPae,
            Machine = (uint)Images.PeHeader.Machine(system.Layout.Architecture),
            DirectoryTableBase = system.Kernel.DirectoryTableBase,
            PfnDataBase = system.Addresses.PfnDatabase,
            PsLoadedModuleList = system.Variables["PsLoadedModuleList"],
            PsActiveProcessHead = system.Variables["PsActiveProcessHead"],
            NumberProcessors = (uint)options.Processors,
            BugCheckCode = options.BugCheckCode,
            BugCheckParameters = options.BugCheckParameters,
            KdDebuggerDataBlock = system.Variables["KdDebuggerDataBlock"],
            Context = processor.Context,
            ExceptionAddress = processor.Current.Frames?.Frames[0].Address ?? 0,
            SystemTime = options.FileTime,
            SystemUpTime = (ulong)options.Uptime.Ticks,
        };
        if (system.Crash is { } crash)
            (header.ExceptionCode, header.ExceptionFlags, header.ExceptionAddress, header.ExceptionParameters) =
                (crash.ExceptionCode, 0, crash.ExceptionAddress, crash.Parameters);
        return header;
    }

    private static TriageDump TriageOf(SystemBuilder system, DumpHeader header)
    {
        ProcessorState processor = system.ProcessorStates[0];
        ThreadBuilder thread = processor.Current;
        ulong top = Processors.Registers(system).StackPointerOf(processor.Context);
        byte[] read(ulong at, int size) => system.Kernel.Read(at, size);
        TriageDump dump = new()
        {
            Header = header,
            Prcb = read(processor.Kprcb, system.Layout.Size("_KPRCB")),
            Process = read(thread.Process.Address, system.Layout.Size("_EPROCESS")),
            Thread = read(thread.Address, system.Layout.Size("_ETHREAD")),
            TopOfStack = top,
            CallStack = read(top, (int)(thread.StackBase - top)),
            DebuggerData = read(header.KdDebuggerDataBlock, DebuggerData.SizeOf(system.Layout)),
        };
        foreach (ForgedModule module in system.Modules.Drivers)
            dump.Drivers.Add(new TriageDriver(module.FileName, module.Base, module.Image!.SizeOfImage,
                module.Image.TimeDateStamp, module.Image.CheckSum));
        foreach ((string name, ulong start, ulong end) in system.Variables.Unloaded)
            dump.UnloadedDrivers.Add(new UnloadedDriver(name, start, end));
        // Of user mode such a dump has nothing.
        foreach (ForgedModule module in thread.Frames!.Frames.Select(frame => frame.Module).OfType<ForgedModule>()
            .Where(module => !module.IsUser).Distinct())
            foreach ((uint rva, byte[] page) in module.Image!.NonEmptyPages)
                dump.DataBlocks.Add(new DataBlock(module.Base + rva, read(module.Base + rva, page.Length)));
        dump.DataBlocks.Add(new DataBlock(system.Addresses.SharedUserData, read(system.Addresses.SharedUserData, 0x1000)));
        dump.DataBlocks.Add(new DataBlock(thread.Address, dump.Thread));
        dump.DataBlocks.Add(new DataBlock(thread.Process.Address, dump.Process));
        foreach ((ulong address, int size) in system.TriageMemory)
            dump.DataBlocks.Add(new DataBlock(address, read(address, size)));
        return dump;
    }
}
