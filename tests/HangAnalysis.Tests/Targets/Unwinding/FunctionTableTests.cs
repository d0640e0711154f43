using System.Text;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding;

public class FunctionTableTests
{
    private static readonly string[] s_registers =
        ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"];

    private static string Format(UnwindCode code, UnwindInfo info) =>
        $"0x{code.PrologOffset:X2}: " + code.Operation switch
    {
        UnwindOperation.PushNonVolatile => $"PUSH_NONVOL reg={s_registers[code.Info]}",
        UnwindOperation.AllocateSmall => $"ALLOC_SMALL size={code.Value}",
        UnwindOperation.AllocateLarge => $"ALLOC_LARGE size={code.Value}",
        UnwindOperation.SetFrameRegister =>
            $"SET_FPREG reg={s_registers[info.FrameRegister]}, offset=0x{info.FrameOffset:X}",
        UnwindOperation.SaveNonVolatile => $"SAVE_NONVOL reg={s_registers[code.Info]}, offset=0x{code.Value:X}",
        UnwindOperation.SaveNonVolatileFar => $"SAVE_NONVOL_FAR reg={s_registers[code.Info]}, offset=0x{code.Value:X}",
        UnwindOperation.SaveXmm128 => $"SAVE_XMM128 reg=XMM{code.Info}, offset=0x{code.Value:X}",
        UnwindOperation.SaveXmm128Far => $"SAVE_XMM128_FAR reg=XMM{code.Info}, offset=0x{code.Value:X}",
        UnwindOperation.PushMachineFrame => $"PUSH_MACHFRAME errcode={(code.Info == 1 ? "yes" : "no")}",
        _ => code.Operation.ToString(),
    };

    [Test]
    public void The_decoded_table_is_the_one_that_readobj_prints()
    {
        ArrayBytes bytes = new(LinkedImage.Load());
        Assert.That(PeImage.TryRead(bytes, out PeImage? image));
        FunctionTable table = FunctionTable.TryRead(image!)!;
        StringBuilder actual = new();
        for (int i = 0; i < table.Count; i++)
        {
            RuntimeFunction function = table[i];
            Assert.That(table.TryResolve(ref function, out UnwindInfo? info));
            actual.AppendLine($"{0x180000000 + function.Begin:X} {0x180000000 + function.End:X}");
            actual.AppendLine($"{info!.Version} {info.PrologSize}");
            foreach (UnwindCode code in info.Codes)
                actual.AppendLine(Format(code, info));
        }

        StringBuilder expected = new();
        foreach (string line in LinkedImage.Describe("--unwind"))
        {
            string value = line[(line.LastIndexOf(' ') + 1)..];
            if (line.StartsWith("StartAddress", StringComparison.Ordinal))
                expected.Append(value[3..^1]);
            else if (line.StartsWith("EndAddress", StringComparison.Ordinal))
                expected.AppendLine(" " + value[3..^1]);
            else if (line.StartsWith("Version", StringComparison.Ordinal))
                expected.Append(value);
            else if (line.StartsWith("PrologSize", StringComparison.Ordinal))
                expected.AppendLine(" " + value);
            else if (line.StartsWith("0x", StringComparison.Ordinal))
                expected.AppendLine(line);
        }
        Assert.That(table.Count, Is.GreaterThanOrEqualTo(11));
        Assert.That(actual.ToString(), Is.EqualTo(expected.ToString()));
    }

    [Test]
    public void The_table_is_read_with_one_read()
    {
        HandImage hand = new();
        for (uint i = 0; i < 200; i++)
            hand.Function(0x1000 + i * 16, 0x1010 + i * 16, 0x3000);
        hand.Table();
        ArrayBytes bytes = new(hand.Bytes);
        Assert.That(PeImage.TryRead(bytes, out PeImage? image));
        int before = bytes.ReadCount;

        Assert.That(FunctionTable.TryRead(image!)!.Count, Is.EqualTo(200));
        Assert.That(bytes.ReadCount - before, Is.EqualTo(1));
    }

    [Test]
    public void Every_address_has_the_same_function_however_often_and_in_whatever_order_it_is_asked_for()
    {
        HandImage hand = new();
        const uint First = 0x1000, Size = 0x180, Functions = 16;
        for (uint i = 0; i < Functions; i++)
        {
            hand.Function(First + i * Size, First + (i + 1) * Size - 0x40, 0x3000 + i * 0x10);
            // The fourth one's data are of a version that nobody knows.
            hand.Put((int)(0x3000 + i * 0x10), (byte)(i == 3 ? 5 : 1), 4, 1, 0, 4, 0x42);
        }
        FunctionTable table = hand.Table()!;
        const uint End = First + Functions * Size;
        int found = 0;
        foreach (uint step in (ReadOnlySpan<uint>)[1, 1021, 7])
            for (uint i = 0; i < End; i++)
            {
                uint rva = (uint)((ulong)i * step % End);
                FunctionLookup expected = table.Find(rva, out RuntimeFunction function);
                UnwindInfo? info = null;
                if (expected == FunctionLookup.Found && !table.TryResolve(ref function, out info))
                    expected = FunctionLookup.Unknown;

                FunctionLookup lookup = table.FindResolved(rva, out ResolvedFunction? resolved);
                if (lookup != expected || resolved?.Info != info || (resolved is not null && resolved.Function != function))
                    Assert.Fail($"{rva:x}: {lookup} {resolved}, not {expected} {function}");
                found += resolved is null ? 0 : 1;
            }
        Assert.That(found, Is.EqualTo(3 * 15 * (Size - 0x40)));
    }

    [Test]
    public void A_table_out_of_order_is_put_in_order()
    {
        FunctionTable table = new HandImage()
            .Function(0x1200, 0x1210, 0x3020).Function(0x1000, 0x1010, 0x3000).Function(0x1100, 0x1110, 0x3010)
            .Table()!;

        Assert.That(table.Find(0x1105, out RuntimeFunction function), Is.EqualTo(FunctionLookup.Found));
        Assert.That(function, Is.EqualTo(new RuntimeFunction(0x1100, 0x1110, 0x3010)));
        Assert.That(table.Find(0x1110, out _), Is.EqualTo(FunctionLookup.Leaf));
        Assert.That(table.Find(0x0fff, out _), Is.EqualTo(FunctionLookup.Leaf));
    }

    [Test]
    public void Beyond_a_cut_table_nothing_is_known()
    {
        HandImage hand = new HandImage().Function(0x1000, 0x1010, 0x3000).Function(0x1100, 0x1110, 0x3000)
            .Function(0x1200, 0x1210, 0x3000);
        Assert.That(PeImage.TryRead(new ArrayBytes(hand.Bytes[..(0x4000 + 30)]), out PeImage? image));
        FunctionTable table = FunctionTable.TryRead(image!)!;

        Assert.That(table.Find(0x1050, out _), Is.EqualTo(FunctionLookup.Leaf));
        Assert.That(table.Find(0x1108, out _), Is.EqualTo(FunctionLookup.Found));
        Assert.That(table.Find(0x1208, out _), Is.EqualTo(FunctionLookup.Unknown));
    }

    [Test]
    public void An_image_without_a_table_has_leaves_only_and_one_with_an_absent_table_has_none()
    {
        HandImage hand = new();
        Assert.That(hand.Table()!.Find(0x1000, out _), Is.EqualTo(FunctionLookup.Leaf));

        hand.Function(0x1000, 0x1010, 0x3000);
        Assert.That(PeImage.TryRead(new ArrayBytes(hand.Bytes[..0x4000]), out PeImage? image));
        Assert.That(FunctionTable.TryRead(image!), Is.Null);
    }

    [TestCase(0x06, Description = "padded with an empty epilog code")]
    [TestCase(0x00, Description = "padded with zero")]
    public void Epilog_codes_of_version_2_are_kept_apart_from_those_of_the_prolog(int padding)
    {
        HandImage hand = new HandImage().Function(0x1000, 0x1100, 0x3000);
        // Size 6 at the end, two more epilogs, padding; then alloc 0x28 and push rbx.
        hand.Put(0x3000, 2, 5, 6, 0, 0x06, 0x16, 0x40, 0x06, 0x80, 0x06, 0, (byte)padding, 0x05, 0x42, 0x01, 0x30);
        FunctionTable table = hand.Table()!;
        RuntimeFunction function = table[0];

        Assert.That(table.TryResolve(ref function, out UnwindInfo? info));
        Assert.That(info!.Codes.Length, Is.EqualTo(6));
        Assert.That(info.Codes[3].Operation, Is.EqualTo(UnwindOperation.Epilog));
        Assert.That(info.Codes[4], Is.EqualTo(new UnwindCode(5, UnwindOperation.AllocateSmall, 4, 0x28)));
        Assert.That(info.Codes[5], Is.EqualTo(new UnwindCode(1, UnwindOperation.PushNonVolatile, 3, 0)));
    }

    [TestCase(new byte[] { 3, 0, 0, 0 }, Description = "version 3")]
    [TestCase(new byte[] { 1, 4, 1, 0, 4, 0x01 }, Description = "ALLOC_LARGE cut short")]
    [TestCase(new byte[] { 1, 4, 1, 0, 4, 0x0b }, Description = "operation 11")]
    [TestCase(new byte[] { 1, 4, 2, 0, 4, 0x21, 0, 0 }, Description = "ALLOC_LARGE with info 2")]
    public void Codes_that_mean_nothing_are_no_unwind_data(byte[] info)
    {
        HandImage hand = new HandImage().Function(0x1000, 0x1100, 0x3000);
        hand.Put(0x3000, info);
        FunctionTable table = hand.Table()!;
        RuntimeFunction function = table[0];

        Assert.That(table.TryResolve(ref function, out _), Is.False);
    }

    [Test]
    public void An_indirect_entry_that_leads_to_itself_ends()
    {
        HandImage hand = new HandImage().Function(0x1000, 0x1100, 0x4001);
        FunctionTable table = hand.Table()!;
        RuntimeFunction function = table[0];

        Assert.That(table.TryResolve(ref function, out _), Is.False);
    }
}
